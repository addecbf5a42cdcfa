//! What the right answer to each request is.
//!
//! A good client is allowed. A revoked one may be allowed until the snapshot that lists it has been
//! published for longer than a snapshot may be stale, and never again once it was denied. Where S3 failed
//! meanwhile, the last good snapshot is used on: then it may be allowed until the authorizer, which asks
//! less and less often while S3 fails, has had to ask again. An error is right only of an environment
//! that began while S3 failed, before its first decision.
//!
//! Nothing here reads a clock: a moment is the time since the run began.

use std::fmt;
use std::time::Duration;

/// What has happened, as far as answers depend on it.
pub(crate) struct Oracle {
    rules: Rules,
    clients: Vec<Client>,
    /// In the order of their beginning.
    interruptions: Vec<Interruption>,
    environments: Vec<Environment>,
    /// CRL numbers as they were published, ascending.
    published: Vec<(u64, Duration)>,
    lessons: Vec<Lesson>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// From the publication of a snapshot on, the one before it may be decided from.
    pub(crate) staleness: Duration,
    /// From the end of a failure of S3 on, the same; and as long again as S3 has failed, because the
    /// pause after each failed attempt is twice as long as the one before.
    pub(crate) recovery: Duration,
    /// But no longer than that.
    pub(crate) longest_pause: Duration,
    /// A first snapshot is waited for no longer.
    pub(crate) load: Duration,
}

/// What a client was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It was let in.
    Allowed,
    /// It was turned away, for this reason.
    Denied(String),
    /// Neither: the kind of the error.
    Error(String),
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) client: usize,
    pub(crate) asked: Duration,
    pub(crate) answered: Duration,
    pub(crate) answer: Answer,
}

/// A right answer, and how much of a test it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another answer would have been wrong.
    Required,
    /// A revoked client, while either answer is right.
    Either,
    /// An error where there could be no snapshot.
    Excused,
}

/// A wrong answer.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    pub(crate) kind: WrongKind,
    /// What happened when.
    pub(crate) details: String,
}

/// In what way an answer is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WrongKind {
    /// A client that is not revoked was denied.
    GoodDenied,
    /// A revoked client was allowed longer than it may be.
    AllowedTooLate,
    /// A revoked client was allowed after it had been denied.
    AllowedAgain,
    /// A revoked client was denied, but not as one.
    OtherReason,
    /// There was no decision.
    Failed,
}

/// What keeps the authorizer from learning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// S3 fails: the last good snapshot is used on.
    Outage,
    /// The environment is frozen. That excuses no answer: it revalidates before it decides. But it had
    /// no chance to ask before an outage that follows.
    Freeze,
}

/// An interruption that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interrupted(usize);

struct Client {
    name: String,
    revoked: Option<Duration>,
    /// The number of the first CRL that lists it.
    listed: Option<u64>,
    published: Option<Duration>,
    last_allowed: Option<Duration>,
    denied: Option<Duration>,
}

struct Interruption {
    cause: Cause,
    from: Duration,
    /// Of an outage: since when attempts may have failed one after the other.
    since: Duration,
    to: Option<Duration>,
    /// Until when it may be felt.
    recovered: Option<Duration>,
}

/// The first denial of a client: the authorizer must have reached S3 between the two moments.
struct Lesson {
    published: Duration,
    denied: Duration,
}

/// An execution environment of the authorizer.
struct Environment {
    began: Duration,
    took_over: Duration,
    first_decision: Option<Duration>,
}

/// What became of the revocations.
pub(crate) struct Revocations {
    pub(crate) count: usize,
    /// From a CRL's publication to that of the snapshot with it.
    pub(crate) to_publication: Vec<Duration>,
    /// From the publication of the snapshot to the first denial.
    pub(crate) to_denial: Vec<Duration>,
    /// What happened to the client whose denial took longest.
    pub(crate) slowest: Option<String>,
}

impl Oracle {
    /// The first environment is there, and has its snapshot.
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            clients: Vec::new(),
            interruptions: Vec::new(),
            environments: vec![Environment {
                began: Duration::ZERO,
                took_over: Duration::ZERO,
                first_decision: None,
            }],
            published: Vec::new(),
            lessons: Vec::new(),
        }
    }

    /// A client that is good. Returns its index.
    pub(crate) fn add(&mut self, name: &str) -> usize {
        self.clients.push(Client {
            name: name.to_owned(),
            revoked: None,
            listed: None,
            published: None,
            last_allowed: None,
            denied: None,
        });
        self.clients.len() - 1
    }

    /// From now on the client may be denied.
    pub(crate) fn revoke(&mut self, client: usize, at: Duration) {
        self.clients[client].revoked = Some(at);
    }

    /// The CRL of that number lists the client. Its snapshot may have been published before this is
    /// called.
    pub(crate) fn list(&mut self, client: usize, crl: u64) {
        let published = self.published.iter().find(|(number, _)| *number >= crl);
        let client = &mut self.clients[client];
        client.listed = Some(crl);
        client.published = published.map(|(_, at)| *at);
    }

    /// A snapshot was published that holds the CRL of that number. What the CRL lists counts as
    /// published, whatever the snapshot made of it.
    pub(crate) fn publish(&mut self, crl: u64, at: Duration) {
        if self.published.last().is_some_and(|(last, _)| *last >= crl) {
            return;
        }
        self.published.push((crl, at));
        for client in &mut self.clients {
            if client.published.is_none() && client.listed.is_some_and(|listed| listed <= crl) {
                client.published = Some(at);
            }
        }
    }

    /// The greatest CRL number in a published snapshot.
    pub(crate) fn last_published(&self) -> Option<(u64, Duration)> {
        self.published.last().copied()
    }

    pub(crate) fn interrupt(&mut self, cause: Cause, at: Duration) -> Interrupted {
        self.interruptions.push(Interruption {
            cause,
            from: at,
            since: at,
            to: None,
            recovered: None,
        });
        Interrupted(self.interruptions.len() - 1)
    }

    pub(crate) fn resume(&mut self, Interrupted(index): Interrupted, at: Duration) {
        let Interruption { cause, from, .. } = self.interruptions[index];
        let since = match cause {
            Cause::Outage => self.failing_since(from),
            Cause::Freeze => at,
        };
        let pauses = (at - since).min(self.rules.longest_pause);
        let interruption = &mut self.interruptions[index];
        interruption.since = since;
        interruption.to = Some(at);
        interruption.recovered = Some(at + self.rules.recovery + pauses);
    }

    /// Since when all attempts to reach S3 may have failed, when an outage begins at that moment.
    fn failing_since(&self, from: Duration) -> Duration {
        let outages = self
            .interruptions
            .iter()
            .filter(|it| it.cause == Cause::Outage);
        let earlier = outages.filter(|it| it.from < from);
        let not_over = earlier.filter(|it| match (it.to, it.recovered) {
            (Some(to), Some(recovered)) => recovered > from && !self.has_learned_within(to, from),
            _ => true,
        });
        not_over.map(|it| it.since).min().unwrap_or(from).min(from)
    }

    /// Whether a denial has shown that S3 was reached.
    fn has_learned_within(&self, since: Duration, until: Duration) -> bool {
        let mut lessons = self.lessons.iter();
        lessons.any(|lesson| lesson.published >= since && lesson.denied <= until)
    }

    /// An environment that began then takes the requests from now on.
    pub(crate) fn replace_environment(&mut self, began: Duration, took_over: Duration) {
        self.environments.push(Environment {
            began,
            took_over,
            first_decision: None,
        });
    }

    /// Whether the answer is right.
    pub(crate) fn judge(&mut self, exchange: &Exchange) -> Result<Verdict, Wrong> {
        let verdict = match &exchange.answer {
            Answer::Allowed => self.judge_permission(exchange),
            Answer::Denied(reason) => self.judge_denial(exchange, reason),
            Answer::Error(kind) => self.judge_error(exchange, kind),
        };
        if !matches!(exchange.answer, Answer::Error(_)) {
            self.note_decision(exchange);
        }
        if exchange.answer == Answer::Allowed {
            self.clients[exchange.client].last_allowed = Some(exchange.answered);
        }
        verdict.map_err(|kind| Wrong {
            kind,
            details: self.describe(exchange),
        })
    }

    /// Whether what was published so far must have arrived everywhere.
    pub(crate) fn everything_is_due(&self, now: Duration) -> bool {
        let last = self.published.last();
        last.is_none_or(|(_, at)| self.due(*at).is_some_and(|due| now >= due))
    }

    /// Clients by what is known of them.
    pub(crate) fn standings(&self) -> Standings {
        let mut standings = Standings::default();
        for (index, client) in self.clients.iter().enumerate() {
            match (client.revoked, client.denied) {
                (None, _) => standings.good.push(index),
                (Some(_), None) => standings.revoked.push(index),
                (Some(_), Some(_)) => standings.denied.push(index),
            }
        }
        standings
    }

    pub(crate) fn revocations(&self) -> Revocations {
        let revoked = || {
            self.clients
                .iter()
                .filter(|client| client.revoked.is_some())
        };
        let between =
            |from: Option<Duration>, to: Option<Duration>| Some(to?.saturating_sub(from?));
        let to_denial = |client: &&Client| between(client.published, client.denied);
        let slowest = revoked().max_by_key(to_denial);
        Revocations {
            count: revoked().count(),
            to_publication: revoked()
                .filter_map(|client| between(client.revoked, client.published))
                .collect(),
            to_denial: revoked().filter_map(|client| to_denial(&client)).collect(),
            slowest: slowest.map(|client| self.history(client, client.published)),
        }
    }

    fn judge_permission(&self, exchange: &Exchange) -> Result<Verdict, WrongKind> {
        let client = &self.clients[exchange.client];
        if client.revoked.is_none() {
            return Ok(Verdict::Required);
        }
        if client.denied.is_some_and(|denied| exchange.asked >= denied) {
            return Err(WrongKind::AllowedAgain);
        }
        match client.published.and_then(|published| self.due(published)) {
            Some(due) if exchange.asked >= due => Err(WrongKind::AllowedTooLate),
            _ => Ok(Verdict::Either),
        }
    }

    fn judge_denial(&mut self, exchange: &Exchange, reason: &str) -> Result<Verdict, WrongKind> {
        let client = &self.clients[exchange.client];
        if client
            .revoked
            .is_none_or(|revoked| exchange.answered < revoked)
        {
            return Err(WrongKind::GoodDenied);
        }
        if reason != REVOKED {
            return Err(WrongKind::OtherReason);
        }
        let due = client.published.and_then(|published| self.due(published));
        let was_denied = client.denied.is_some_and(|denied| exchange.asked >= denied);
        let client = &mut self.clients[exchange.client];
        if let (None, Some(published)) = (client.denied, client.published) {
            self.lessons.push(Lesson {
                published,
                denied: exchange.answered,
            });
        }
        let first = client.denied.get_or_insert(exchange.answered);
        *first = exchange.answered.min(*first);
        Ok(match due {
            Some(due) if exchange.asked >= due => Verdict::Required,
            _ if was_denied => Verdict::Required,
            _ => Verdict::Either,
        })
    }

    fn judge_error(&self, exchange: &Exchange, kind: &str) -> Result<Verdict, WrongKind> {
        let Exchange {
            asked, answered, ..
        } = *exchange;
        let excused = self.environments.iter().enumerate().any(|(index, it)| {
            let next = self.environments.get(index + 1);
            let may_have_answered =
                it.took_over <= answered && next.is_none_or(|next| next.took_over > asked);
            let has_snapshot = it.first_decision.is_some_and(|first| first <= asked);
            let since = it.began.max(asked.saturating_sub(self.rules.load));
            may_have_answered && !has_snapshot && self.is_outage_within(since, answered)
        });
        match kind == NO_SNAPSHOT && excused {
            true => Ok(Verdict::Excused),
            false => Err(WrongKind::Failed),
        }
    }

    /// From when on nobody may be answered from a snapshot older than the one published then; `None`
    /// while S3 fails.
    fn due(&self, published: Duration) -> Option<Duration> {
        let mut due = published + self.rules.staleness;
        // Until then it is not certain that the authorizer has asked, so that an outage matters.
        let mut certain = due;
        for interruption in &self.interruptions {
            if interruption.from >= certain {
                continue;
            }
            match (interruption.cause, interruption.recovered) {
                (Cause::Freeze, recovered) => {
                    certain = certain.max(recovered.unwrap_or(Duration::MAX));
                }
                (Cause::Outage, None) => return None,
                (Cause::Outage, Some(recovered)) => {
                    due = due.max(recovered);
                    certain = certain.max(due);
                }
            }
        }
        Some(due)
    }

    fn is_outage_within(&self, since: Duration, until: Duration) -> bool {
        self.interruptions.iter().any(|interruption| {
            interruption.cause == Cause::Outage
                && interruption.from <= until
                && interruption.to.is_none_or(|to| to >= since)
        })
    }

    /// Where it is certain which environment has decided, that one has a snapshot.
    fn note_decision(&mut self, exchange: &Exchange) {
        if let Some(latest) = self.environments.last_mut()
            && latest.took_over <= exchange.asked
        {
            let first = latest.first_decision.get_or_insert(exchange.answered);
            *first = exchange.answered.min(*first);
        }
    }

    fn describe(&self, exchange: &Exchange) -> String {
        let client = &self.clients[exchange.client];
        let answer = match &exchange.answer {
            Answer::Allowed => "allowed".to_owned(),
            Answer::Denied(reason) => format!("denied: {reason}"),
            Answer::Error(kind) => format!("error: {kind}"),
        };
        format!(
            "asked at {}, at {} {answer}; {}",
            Seconds(exchange.asked),
            Seconds(exchange.answered),
            self.history(client, Some(exchange.asked)),
        )
    }

    /// What happened to a client, and what went wrong around that moment.
    fn history(&self, client: &Client, around: Option<Duration>) -> String {
        let mut text = format!(
            "{} was revoked {}, published {}, due {}, last allowed {}, first denied {}",
            client.name,
            At(client.revoked),
            At(client.published),
            At(client.published.and_then(|published| self.due(published))),
            At(client.last_allowed),
            At(client.denied),
        );
        let around = around.unwrap_or_default();
        let near = self.interruptions.iter().filter(|interruption| {
            let since = around.saturating_sub(NEAR);
            interruption.from <= around + NEAR && interruption.to.is_none_or(|to| to >= since)
        });
        for Interruption {
            cause, from, to, ..
        } in near
        {
            let until = to.map_or_else(|| "now".to_owned(), |to| Seconds(to).to_string());
            text.push_str(&format!("; {cause:?} from {} to {until}", Seconds(*from)));
        }
        for environment in &self.environments[1..] {
            let since = Seconds(environment.took_over);
            text.push_str(&format!("; new environment at {since}"));
        }
        text
    }
}

/// Clients by what is known of them.
#[derive(Default)]
pub(crate) struct Standings {
    pub(crate) good: Vec<usize>,
    /// Revoked, and not yet denied.
    pub(crate) revoked: Vec<usize>,
    pub(crate) denied: Vec<usize>,
}

impl fmt::Display for WrongKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GoodDenied => "a good client was denied",
            Self::AllowedTooLate => "a revoked client was still allowed",
            Self::AllowedAgain => "a revoked client was allowed again",
            Self::OtherReason => "a revoked client was denied for another reason",
            Self::Failed => "no decision",
        })
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.0.as_secs_f64())
    }
}

struct At(Option<Duration>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, "at {}", Seconds(at)),
            None => f.write_str("never"),
        }
    }
}

/// The authorizer's reason for a denial of a revoked client.
const REVOKED: &str = "revoked";
/// The authorizer's error where no snapshot could be had.
const NO_SNAPSHOT: &str = "NoSnapshot";
/// Interruptions that ended longer ago are not worth a word.
const NEAR: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        staleness: Duration::from_secs(6),
        recovery: Duration::from_secs(5),
        longest_pause: Duration::from_secs(32),
        load: Duration::from_secs(8),
    };

    /// Moments are whole seconds; answers come at once.
    struct Story {
        oracle: Oracle,
        alice: usize,
        bob: usize,
    }

    impl Story {
        /// Bob is revoked at 10, and the snapshot is published at 20: due at 26.
        fn new() -> Self {
            let mut oracle = Oracle::new(RULES);
            let (alice, bob) = (oracle.add("alice"), oracle.add("bob"));
            oracle.revoke(bob, seconds(10));
            oracle.list(bob, 1);
            oracle.publish(1, seconds(20));
            Self { oracle, alice, bob }
        }

        fn interrupted(&mut self, cause: Cause, from: u64, to: Option<u64>) -> &mut Self {
            let it = self.oracle.interrupt(cause, seconds(from));
            if let Some(to) = to {
                self.oracle.resume(it, seconds(to));
            }
            self
        }

        fn ask(&mut self, client: usize, at: u64, answer: Answer) -> Result<Verdict, WrongKind> {
            self.ask_for(client, at, at, answer)
        }

        fn ask_for(
            &mut self,
            client: usize,
            asked: u64,
            answered: u64,
            answer: Answer,
        ) -> Result<Verdict, WrongKind> {
            let exchange = Exchange {
                client,
                asked: seconds(asked),
                answered: seconds(answered),
                answer,
            };
            self.oracle.judge(&exchange).map_err(|wrong| wrong.kind)
        }

        fn allow_bob(&mut self, at: u64) -> Result<Verdict, WrongKind> {
            self.ask(self.bob, at, Answer::Allowed)
        }

        fn deny_bob(&mut self, at: u64) -> Result<Verdict, WrongKind> {
            self.ask(self.bob, at, denied())
        }

        fn fail(&mut self, at: u64, kind: &str) -> Result<Verdict, WrongKind> {
            self.ask(self.alice, at, Answer::Error(kind.to_owned()))
        }
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn denied() -> Answer {
        Answer::Denied("revoked".to_owned())
    }

    #[test]
    fn a_good_client_must_be_allowed() {
        let mut story = Story::new();
        let alice = story.alice;
        assert_eq!(story.ask(alice, 1, Answer::Allowed), Ok(Verdict::Required));
        assert_eq!(story.ask(alice, 2, denied()), Err(WrongKind::GoodDenied));
        let expired = Answer::Denied("crl-expired".to_owned());
        assert_eq!(story.ask(alice, 3, expired), Err(WrongKind::GoodDenied));
    }

    #[test]
    fn nobody_is_denied_before_the_revocation() {
        let mut story = Story::new();
        let bob = story.bob;
        assert_eq!(story.deny_bob(9), Err(WrongKind::GoodDenied));
        // Revoked while it was being asked.
        assert_eq!(story.ask_for(bob, 9, 10, denied()), Ok(Verdict::Either));
    }

    #[test]
    fn a_revoked_client_may_be_allowed_until_it_is_due_and_not_longer() {
        assert_eq!(Story::new().allow_bob(15), Ok(Verdict::Either));
        assert_eq!(Story::new().allow_bob(25), Ok(Verdict::Either));
        assert_eq!(Story::new().allow_bob(26), Err(WrongKind::AllowedTooLate));
        assert_eq!(Story::new().deny_bob(25), Ok(Verdict::Either));
        assert_eq!(Story::new().deny_bob(26), Ok(Verdict::Required));
        // What counts is when it was asked.
        let mut story = Story::new();
        let bob = story.bob;
        let late = story.ask_for(bob, 25, 40, Answer::Allowed);
        assert_eq!(late, Ok(Verdict::Either));
    }

    #[test]
    fn a_revoked_client_is_never_allowed_again() {
        let mut story = Story::new();
        assert_eq!(story.deny_bob(21), Ok(Verdict::Either));
        assert_eq!(story.allow_bob(22), Err(WrongKind::AllowedAgain));
        assert_eq!(story.deny_bob(22), Ok(Verdict::Required));
        // An outage is no excuse for that.
        story.interrupted(Cause::Outage, 19, None);
        assert_eq!(story.allow_bob(23), Err(WrongKind::AllowedAgain));
        // What was asked before the denial may be answered after it.
        let bob = story.bob;
        let asked_before = story.ask_for(bob, 20, 24, Answer::Allowed);
        assert_eq!(asked_before, Ok(Verdict::Either));
    }

    #[test]
    fn a_revoked_client_is_denied_as_one() {
        let mut story = Story::new();
        let bob = story.bob;
        let unknown = Answer::Denied("unknown-issuer".to_owned());
        assert_eq!(story.ask(bob, 30, unknown), Err(WrongKind::OtherReason));
    }

    #[test]
    fn what_was_not_published_is_not_due() {
        let mut story = Story::new();
        let carol = story.oracle.add("carol");
        story.oracle.revoke(carol, seconds(30));
        story.oracle.list(carol, 3);
        story.oracle.publish(2, seconds(31));
        let never = story.ask(carol, 1000, Answer::Allowed);
        assert_eq!(never, Ok(Verdict::Either));
        story.oracle.publish(4, seconds(1001));
        let late = story.ask(carol, 1007, Answer::Allowed);
        assert_eq!(late, Err(WrongKind::AllowedTooLate));
    }

    #[test]
    fn the_snapshot_may_be_faster_than_the_word_of_the_crl() {
        let mut story = Story::new();
        let carol = story.oracle.add("carol");
        story.oracle.revoke(carol, seconds(30));
        story.oracle.publish(2, seconds(31));
        story.oracle.publish(3, seconds(32));
        story.oracle.list(carol, 2);
        let late = story.ask(carol, 37, Answer::Allowed);
        assert_eq!(late, Err(WrongKind::AllowedTooLate));
    }

    #[test]
    fn an_outage_gives_time_until_some_time_after_it() {
        let mut story = Story::new();
        story.interrupted(Cause::Outage, 22, None);
        assert_eq!(story.allow_bob(100), Ok(Verdict::Either));
        for (outages, due) in [
            (&[(22, 30)][..], 43),
            (&[(25, 30)], 40),
            (&[(10, 14), (24, 30)], 41),
            // S3 need not have been asked between the two.
            (&[(15, 22), (24, 30)], 50),
        ] {
            let mut story = Story::new();
            for (from, to) in outages {
                story.interrupted(Cause::Outage, *from, Some(*to));
            }
            assert_eq!(story.allow_bob(due - 1), Ok(Verdict::Either), "{outages:?}");
            let late = story.allow_bob(due);
            assert_eq!(late, Err(WrongKind::AllowedTooLate), "{outages:?}");
        }
    }

    #[test]
    fn what_was_learned_between_two_outages_separates_them() {
        for (published, answered, due) in [(23, 23, 41), (21, 23, 50), (23, 25, 50)] {
            let mut story = Story::new();
            story.interrupted(Cause::Outage, 15, Some(22));
            let carol = story.oracle.add("carol");
            story.oracle.revoke(carol, seconds(11));
            story.oracle.publish(2, seconds(published));
            story.oracle.list(carol, 2);
            let denial = story.ask(carol, answered, denied());
            assert_eq!(denial, Ok(Verdict::Either));
            story.interrupted(Cause::Outage, 24, Some(30));
            assert_eq!(story.allow_bob(due - 1), Ok(Verdict::Either), "{due}");
            assert_eq!(story.allow_bob(due), Err(WrongKind::AllowedTooLate));
        }
    }

    #[test]
    fn pauses_do_not_grow_for_ever() {
        let mut story = Story::new();
        story.interrupted(Cause::Outage, 20, Some(1000));
        assert_eq!(story.allow_bob(1036), Ok(Verdict::Either));
        assert_eq!(story.allow_bob(1037), Err(WrongKind::AllowedTooLate));
    }

    #[test]
    fn an_outage_when_it_must_be_known_already_gives_no_time() {
        let mut story = Story::new();
        story.interrupted(Cause::Outage, 26, None);
        assert_eq!(story.allow_bob(27), Err(WrongKind::AllowedTooLate));
        let mut story = Story::new();
        story.interrupted(Cause::Outage, 1, Some(10));
        assert_eq!(story.allow_bob(26), Err(WrongKind::AllowedTooLate));
    }

    #[test]
    fn a_frozen_environment_decides_from_nothing_old() {
        let mut story = Story::new();
        story.interrupted(Cause::Freeze, 22, Some(40));
        assert_eq!(story.allow_bob(30), Err(WrongKind::AllowedTooLate));
        // But one that is thawed into an outage cannot know better.
        story.interrupted(Cause::Outage, 41, Some(43));
        assert_eq!(story.allow_bob(49), Ok(Verdict::Either));
        assert_eq!(story.allow_bob(50), Err(WrongKind::AllowedTooLate));
    }

    #[test]
    fn an_error_is_wrong() {
        let mut story = Story::new();
        assert_eq!(story.fail(30, "NoSnapshot"), Err(WrongKind::Failed));
        // S3 fails, but the environment has had its snapshot.
        story.interrupted(Cause::Outage, 31, None);
        let alice = story.alice;
        assert_eq!(story.ask(alice, 32, Answer::Allowed), Ok(Verdict::Required));
        assert_eq!(story.fail(33, "NoSnapshot"), Err(WrongKind::Failed));
    }

    #[test]
    fn an_error_is_excused_where_there_could_be_no_snapshot() {
        let mut story = Story::new();
        let alice = story.alice;
        story.interrupted(Cause::Outage, 30, Some(40));
        story.oracle.replace_environment(seconds(31), seconds(33));
        assert_eq!(story.fail(34, "NoSnapshot"), Ok(Verdict::Excused));
        assert_eq!(story.fail(34, "Sandbox.Timedout"), Err(WrongKind::Failed));
        // The attempt that fails may have begun in the outage.
        assert_eq!(story.fail(48, "NoSnapshot"), Ok(Verdict::Excused));
        assert_eq!(story.fail(49, "NoSnapshot"), Err(WrongKind::Failed));
        // One that has decided has a snapshot for ever.
        assert_eq!(story.ask(alice, 41, Answer::Allowed), Ok(Verdict::Required));
        assert_eq!(story.fail(42, "NoSnapshot"), Err(WrongKind::Failed));
    }

    #[test]
    fn what_the_environment_before_decided_says_nothing_about_the_next_one() {
        let mut story = Story::new();
        let alice = story.alice;
        assert_eq!(story.ask(alice, 1, Answer::Allowed), Ok(Verdict::Required));
        story.interrupted(Cause::Outage, 30, None);
        story.oracle.replace_environment(seconds(31), seconds(33));
        // Asked before the next one took over: the first one may have answered.
        let before = story.ask_for(alice, 32, 34, Answer::Allowed);
        assert_eq!(before, Ok(Verdict::Required));
        assert_eq!(story.fail(35, "NoSnapshot"), Ok(Verdict::Excused));
    }

    #[test]
    fn delays_are_told() {
        let mut story = Story::new();
        story.deny_bob(24).unwrap();
        story.deny_bob(23).unwrap();
        let revocations = story.oracle.revocations();
        assert_eq!(revocations.count, 1);
        assert_eq!(revocations.to_publication, [seconds(10)]);
        assert_eq!(revocations.to_denial, [seconds(3)]);
    }
}
