//! The clients.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use benches::Random;
use playground::client::{self, Connection};
use tokio::time::{MissedTickBehavior, interval};

use crate::exposures::{Answer, Exchange};
use crate::run::Run;

/// Calls one environment, one request after the other, until the run is over.
pub(crate) struct Caller {
    run: Arc<Run>,
    environment: usize,
    port: u16,
    dice: Random,
    /// Those of clients that are asked time and again.
    connections: HashMap<usize, Connection>,
}

impl Caller {
    pub(crate) fn new(run: Arc<Run>, environment: usize, port: u16, dice: Random) -> Self {
        Self {
            run,
            environment,
            port,
            dice,
            connections: HashMap::new(),
        }
    }

    /// Returns when the load is over.
    pub(crate) async fn call(mut self) -> Self {
        let mut pace = interval(self.run.terms.pace());
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.run.is_over() {
            pace.tick().await;
            let client = self.choose();
            if self.ask(client).await {
                self.ask_those_undecided().await;
            }
        }
        self
    }

    /// Asks everybody who was revoked once more, when the CRL has taken over everywhere.
    pub(crate) async fn ask_everybody(mut self) {
        for client in 0..self.run.terms.revocations {
            self.ask(client).await;
        }
    }

    /// The environment has another snapshot, which probably has more in it: no moment is to be lost.
    async fn ask_those_undecided(&mut self) {
        let count = self.run.exposures().count_undecided(self.environment);
        for _ in 0..count {
            let next = self.run.exposures().next_undecided(self.environment);
            let Some(client) = next else { return };
            self.ask(client).await;
        }
    }

    fn choose(&mut self) -> usize {
        let undecided = match self.dice.below(100) {
            0..80 => self.run.exposures().next_undecided(self.environment),
            _ => None,
        };
        undecided.unwrap_or_else(|| {
            let revoked = self.run.exposures().count_revoked();
            match self.dice.below(10) {
                0..2 if revoked > 0 => self.dice.below(revoked),
                2..6 => self.run.one_of_the_next(revoked, &mut self.dice),
                _ => self.run.one_of_the_good(&mut self.dice),
            }
        })
    }

    /// One request and its judgement. Whether it was the first denial of that client here.
    async fn ask(&mut self, client: usize) -> bool {
        let run = Arc::clone(&self.run);
        let asked = run.now();
        let answer = tokio::time::timeout(ANSWERED_WITHIN, self.answer(client)).await;
        let answered = run.now();
        let answer = match answer {
            Ok(Ok(answer)) => self.understood(&answer),
            Ok(Err(error)) => Answer::Error(format!("no answer: {error}")),
            Err(_) => Answer::Error(format!("no answer within {ANSWERED_WITHIN:?}")),
        };
        if answer != Answer::Allowed {
            self.connections.remove(&client);
        }
        run.exposures().judge(&Exchange {
            environment: self.environment,
            client,
            asked,
            answered,
            answer,
        })
    }

    async fn answer(&mut self, client: usize) -> std::io::Result<client::Answer> {
        let mut connection = match self.connections.remove(&client) {
            Some(open) => open,
            None => self.run.client(client).connect(self.port).await?,
        };
        let answer = connection.get("/exposure").await?;
        self.connections.insert(client, connection);
        Ok(answer)
    }

    /// What the answer means, with what the gateway has told of it.
    fn understood(&self, answer: &client::Answer) -> Answer {
        let reason = self.run.reason(self.environment);
        match (answer.status, reason.split_once(": ")) {
            (200, Some(("allow", _))) => Answer::Allowed,
            (403, Some(("deny", reason))) => Answer::Denied(reason.to_owned()),
            (status, _) => Answer::Error(format!("{status} after {reason:?}")),
        }
    }
}

const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
