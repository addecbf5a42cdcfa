//! The clients.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use benches::Random;
use playground::client::{self, Connection};
use serde_json::Value;
use testkit::lambda::Echo;

use crate::oracle::{Answer, Exchange, Standings};
use crate::run::{Run, name};

/// Calls until the time is over: some connections of some requests each, of good clients, of revoked
/// ones, and of those that are about to be found out.
pub(crate) async fn call(run: Arc<Run>, port: u16, mut dice: Random) {
    while !run.is_over() {
        let Some(client) = choose(&run.records().oracle.standings(), &mut dice) else {
            return;
        };
        let mut connection = None;
        for _ in 0..=dice.below(MOST_REQUESTS) {
            if run.is_over() {
                return;
            }
            ask(&run, port, client, &mut connection).await;
            run.wait(dice.between(Duration::ZERO, LONGEST_PAUSE)).await;
        }
    }
}

/// Asks every client once, when nothing is excused any more.
pub(crate) async fn ask_everybody(run: &Run, port: u16) {
    for client in 0..run.count_clients() {
        ask(run, port, client, &mut None).await;
    }
    let mut records = run.records();
    let never_denied = records.oracle.standings().revoked;
    if !never_denied.is_empty() {
        let names: Vec<_> = never_denied.into_iter().map(name).collect();
        records
            .tally
            .fail(format!("revoked and never denied: {}", names.join(", ")));
    }
}

/// One request, on the open connection or a new one, and its judgement.
async fn ask(run: &Run, port: u16, client: usize, connection: &mut Option<Connection>) {
    let asked = run.now();
    let answer = tokio::time::timeout(ANSWERED_WITHIN, async {
        let open = match connection.take() {
            Some(open) => connection.insert(open),
            None => connection.insert(run.client(client).connect(port).await?),
        };
        open.get("/soak").await
    });
    let answer = answer.await;
    let answered = run.now();
    let answer = match answer {
        Ok(Ok(answer)) => understood(run, client, &answer),
        Ok(Err(error)) => Answer::Error(format!("no answer: {error}")),
        Err(_) => Answer::Error(format!("no answer within {ANSWERED_WITHIN:?}")),
    };
    if matches!(&answer, Answer::Error(kind) if kind.starts_with("no answer")) {
        *connection = None;
    }
    let exchange = Exchange {
        client,
        asked,
        answered,
        answer,
    };
    let mut records = run.records();
    let verdict = records.oracle.judge(&exchange);
    records.tally.count(&exchange, verdict);
}

/// What the answer means, with what the gateway has told of it.
fn understood(run: &Run, client: usize, answer: &client::Answer) -> Answer {
    let reason = answer.request_id.as_deref().and_then(|id| run.reason(id));
    let reason = reason.unwrap_or_default();
    match (answer.status, reason.split_once(": ")) {
        (200, Some(("allow", _))) => match subject(&answer.body) {
            Some(subject) if subject.contains(&name(client)) => Answer::Allowed,
            other => Answer::Error(format!("let in as {other:?}")),
        },
        (403, Some(("deny", reason))) => Answer::Denied(reason.to_owned()),
        (500, Some(("authorizer", error))) => {
            let kind = error.split(':').next().unwrap_or(error);
            Answer::Error(kind.to_owned())
        }
        (status, _) => Answer::Error(format!("{status} after {reason:?}")),
    }
}

/// Whom the API was told that it serves.
fn subject(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    Some(body["authorizer"]["subject"].as_str()?.to_owned())
}

fn choose(standings: &Standings, dice: &mut Random) -> Option<usize> {
    let Standings {
        good,
        revoked,
        denied,
    } = standings;
    let wanted = match dice.below(100) {
        0..45 => good,
        45..80 => revoked,
        _ => denied,
    };
    let from = if wanted.is_empty() { good } else { wanted };
    (!from.is_empty()).then(|| *dice.pick(from))
}

/// Writes each line of the functions into a file.
pub(crate) fn log_into(path: &Path) -> io::Result<Echo> {
    let file = Mutex::new(io::BufWriter::new(File::create(path)?));
    Ok(Arc::new(move |line: &str| {
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // A disk that is full is no reason to stop.
        let _ = writeln!(file, "{line}");
        let _ = file.flush();
    }))
}

const MOST_REQUESTS: usize = 12;
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// Clients wait for each other while the authorizer waits for S3.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);
