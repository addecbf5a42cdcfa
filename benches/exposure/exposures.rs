//! What is known of each revocation, and which answers are wrong.
//!
//! Nothing here reads a clock: a moment is the time since the run began.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use revocation::SerialNumber;

/// All clients, and what the environments have answered them.
pub(crate) struct Exposures {
    clients: Vec<Client>,
    /// By environment: who is revoked and was not denied there, whoever was asked longest ago first.
    undecided: Vec<VecDeque<usize>>,
    /// Whether every environment has a CRL that lists all.
    is_settled: bool,
    pub(crate) counts: Counts,
}

/// What was counted.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) allowed: u64,
    /// Permissions asked for after the event, of those who were not denied there yet.
    pub(crate) exposed: u64,
    /// Denials by reason.
    pub(crate) denied: BTreeMap<String, u64>,
    pub(crate) wrong: u64,
    /// The first ones.
    pub(crate) wrong_answers: Vec<String>,
    /// From the question of the last permission to the first denial of the same environment.
    pub(crate) resolutions: Vec<Duration>,
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) environment: usize,
    pub(crate) client: usize,
    pub(crate) asked: Duration,
    pub(crate) answered: Duration,
    pub(crate) answer: Answer,
}

/// What a client was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It was let in.
    Allowed,
    /// It was turned away, for this reason.
    Denied(String),
    /// Neither.
    Error(String),
}

/// One revocation that came to its end. All are times since the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exposure {
    pub(crate) published: Duration,
    pub(crate) first_denied: Duration,
    pub(crate) denied_everywhere: Duration,
}

struct Client {
    name: String,
    serial: SerialNumber,
    event: Option<Duration>,
    published: Option<Duration>,
    /// By environment.
    views: Vec<View>,
}

/// What one environment has answered one client.
#[derive(Clone, Copy, Default)]
struct View {
    /// When the last permission was asked for.
    allowed: Option<Duration>,
    /// When the first denial had arrived.
    denied: Option<Duration>,
}

impl Exposures {
    pub(crate) fn new(environments: usize) -> Self {
        Self {
            clients: Vec::new(),
            undecided: vec![VecDeque::new(); environments],
            is_settled: false,
            counts: Counts::default(),
        }
    }

    pub(crate) fn add(&mut self, name: String, serial: SerialNumber) {
        let views = vec![View::default(); self.undecided.len()];
        self.clients.push(Client {
            name,
            serial,
            event: None,
            published: None,
            views,
        });
    }

    /// To be called before anybody else hears of it.
    pub(crate) fn revoke(&mut self, client: usize, at: Duration) {
        self.clients[client].event = Some(at);
        for undecided in &mut self.undecided {
            undecided.push_back(client);
        }
    }

    /// A snapshot was stored that lists some.
    pub(crate) fn publish(&mut self, lists: impl Fn(&SerialNumber) -> bool, at: Duration) {
        for client in &mut self.clients {
            let is_awaited = client.event.is_some() && client.published.is_none();
            if is_awaited && lists(&client.serial) {
                client.published = Some(at);
            }
        }
    }

    /// Somebody who is revoked and was not denied in that environment, each in turn.
    pub(crate) fn next_undecided(&mut self, environment: usize) -> Option<usize> {
        let undecided = &mut self.undecided[environment];
        let client = undecided.pop_front()?;
        undecided.push_back(client);
        Some(client)
    }

    /// They are revoked in the order of their numbers.
    pub(crate) fn count_revoked(&self) -> usize {
        self.clients
            .iter()
            .take_while(|it| it.event.is_some())
            .count()
    }

    pub(crate) fn count_undecided(&self, environment: usize) -> usize {
        self.undecided[environment].len()
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.undecided.iter().all(VecDeque::is_empty)
    }

    /// From now on nobody may be denied as announced any more.
    pub(crate) fn settle(&mut self) {
        self.is_settled = true;
    }

    /// Takes an answer. Whether it is the environment's first denial of that client. Those of one
    /// environment must come in their order.
    pub(crate) fn judge(&mut self, exchange: &Exchange) -> bool {
        self.counts.requests += 1;
        let client = &mut self.clients[exchange.client];
        let view = &mut client.views[exchange.environment];
        let is_revoked = client.event.is_some();
        let mut is_first_denial = false;
        let wrong = match &exchange.answer {
            Answer::Allowed => {
                self.counts.allowed += 1;
                view.allowed = Some(exchange.asked);
                let is_exposed = client.event.is_some_and(|event| exchange.asked >= event);
                self.counts.exposed += u64::from(is_exposed);
                view.denied.map(|_| "allowed again")
            }
            Answer::Denied(reason) => {
                *self.counts.denied.entry(reason.clone()).or_default() += 1;
                let is_right = reason == BY_CRL || reason == AS_ANNOUNCED && !self.is_settled;
                match (is_revoked, is_right) {
                    (false, _) => Some("denied, and not revoked"),
                    (true, false) => Some("denied for another reason"),
                    (true, true) => {
                        is_first_denial = view.denied.is_none();
                        None
                    }
                }
            }
            Answer::Error(_) => Some("no decision"),
        };
        if is_first_denial {
            view.denied = Some(exchange.answered);
            let resolution = view.allowed.map(|asked| exchange.answered - asked);
            self.counts.resolutions.extend(resolution);
            self.undecided[exchange.environment].retain(|it| *it != exchange.client);
        }
        if let Some(kind) = wrong {
            self.counts.wrong += 1;
            if self.counts.wrong_answers.len() < KEPT {
                let (name, event) = (&client.name, client.event);
                let text = format!("{kind}: {name}, revoked at {event:?}: {exchange:?}");
                self.counts.wrong_answers.push(text);
            }
        }
        is_first_denial
    }

    /// The revocations that were denied everywhere, and the names of the others.
    pub(crate) fn results(&self) -> (Vec<Exposure>, Vec<&str>) {
        let (mut ended, mut others) = (Vec::new(), Vec::new());
        for client in &self.clients {
            let Some(event) = client.event else { continue };
            match client.exposure(event) {
                Some(exposure) => ended.push(exposure),
                None => others.push(client.name.as_str()),
            }
        }
        (ended, others)
    }
}

impl Client {
    fn exposure(&self, event: Duration) -> Option<Exposure> {
        let denials: Option<Vec<_>> = self.views.iter().map(|view| view.denied).collect();
        let denials = denials?;
        Some(Exposure {
            published: self.published?.saturating_sub(event),
            first_denied: denials.iter().min()?.saturating_sub(event),
            denied_everywhere: denials.iter().max()?.saturating_sub(event),
        })
    }
}

/// The authorizer's reasons for a certificate that its CA has revoked: before the CRL, and by it.
const AS_ANNOUNCED: &str = "revocation-announced";
const BY_CRL: &str = "revoked";
/// The first wrong answers tell what is wrong.
const KEPT: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Two environments; client 0 is to be revoked, client 1 stays good.
    fn exposures() -> Exposures {
        let mut exposures = Exposures::new(2);
        for number in [1, 2] {
            let serial = SerialNumber::from_der_integer(&[number]).unwrap();
            exposures.add(format!("client-{number}"), serial);
        }
        exposures
    }

    fn exchange(environment: usize, client: usize, asked: u64, answer: Answer) -> Exchange {
        Exchange {
            environment,
            client,
            asked: ms(asked),
            answered: ms(asked + 1),
            answer,
        }
    }

    fn denied() -> Answer {
        Answer::Denied("revocation-announced".to_owned())
    }

    fn publish(exposures: &mut Exposures, at: u64) {
        let listed = SerialNumber::from_der_integer(&[1]).unwrap();
        exposures.publish(|serial| *serial == listed, ms(at));
    }

    #[test]
    fn an_exposure_ends_with_the_last_environment() {
        let mut exposures = exposures();
        assert!(!exposures.judge(&exchange(0, 0, 5, Answer::Allowed)));
        publish(&mut exposures, 6);
        exposures.revoke(0, ms(10));
        publish(&mut exposures, 30);
        publish(&mut exposures, 40);
        assert!(!exposures.judge(&exchange(0, 0, 50, Answer::Allowed)));
        assert!(exposures.judge(&exchange(1, 0, 60, denied())));
        assert!(!exposures.judge(&exchange(1, 0, 65, denied())));
        assert_eq!(exposures.results(), (vec![], vec!["client-1"]));
        assert!(exposures.judge(&exchange(0, 0, 70, denied())));
        let exposure = Exposure {
            published: ms(20),
            first_denied: ms(51),
            denied_everywhere: ms(61),
        };
        assert_eq!(exposures.results(), (vec![exposure], vec![]));
        let counts = &exposures.counts;
        assert_eq!((counts.requests, counts.allowed, counts.exposed), (5, 2, 1));
        assert_eq!((counts.wrong, &*counts.resolutions), (0, &[ms(21)][..]));
    }

    #[test]
    fn whoever_is_undecided_is_asked_in_turn_in_each_environment() {
        let mut exposures = exposures();
        assert_eq!(exposures.next_undecided(0), None);
        assert!(exposures.is_decided());
        exposures.revoke(0, ms(1));
        exposures.revoke(1, ms(2));
        let next = |exposures: &mut Exposures| [0; 3].map(|_| exposures.next_undecided(0));
        assert_eq!(next(&mut exposures), [Some(0), Some(1), Some(0)]);
        exposures.judge(&exchange(0, 1, 5, denied()));
        assert_eq!(next(&mut exposures), [Some(0), Some(0), Some(0)]);
        assert_eq!([0, 1].map(|it| exposures.count_undecided(it)), [1, 2]);
        for (environment, client) in [(0, 0), (1, 0), (1, 1)] {
            assert!(!exposures.is_decided());
            exposures.judge(&exchange(environment, client, 6, denied()));
        }
        assert!(exposures.is_decided());
    }

    #[test]
    fn wrong_answers_are_noticed() {
        let other = || Answer::Denied("crl-expired".to_owned());
        let cases: [(&[Answer], &str); 4] = [
            (&[denied(), Answer::Allowed], "allowed again"),
            (&[other()], "denied for another reason"),
            (&[Answer::Error("500".to_owned())], "no decision"),
            (&[denied(), other()], "denied for another reason"),
        ];
        for (answers, expected) in cases {
            let mut exposures = exposures();
            exposures.revoke(0, ms(1));
            for (at, answer) in (10..).zip(answers) {
                exposures.judge(&exchange(0, 0, at, answer.clone()));
            }
            assert_eq!(exposures.counts.wrong, 1, "{answers:?}");
            let text = &exposures.counts.wrong_answers[0];
            assert!(text.starts_with(expected), "{text}");
        }
        let mut exposures = exposures();
        exposures.judge(&exchange(0, 1, 1, denied()));
        let text = &exposures.counts.wrong_answers[0];
        assert!(text.starts_with("denied, and not revoked"), "{text}");
    }

    #[test]
    fn in_the_end_the_crl_is_the_reason() {
        let mut exposures = exposures();
        exposures.revoke(0, ms(1));
        exposures.judge(&exchange(0, 0, 5, denied()));
        exposures.settle();
        exposures.judge(&exchange(0, 0, 6, Answer::Denied("revoked".to_owned())));
        assert_eq!(exposures.counts.wrong, 0);
        exposures.judge(&exchange(0, 0, 7, denied()));
        assert_eq!(exposures.counts.wrong, 1);
    }

    /// Another environment may still have the snapshot before.
    #[test]
    fn a_permission_elsewhere_is_no_wrong_answer() {
        let mut exposures = exposures();
        exposures.revoke(0, ms(1));
        exposures.judge(&exchange(0, 0, 5, denied()));
        exposures.judge(&exchange(1, 0, 6, Answer::Allowed));
        assert_eq!(exposures.counts.wrong, 0);
    }
}
