//! The Lambda authorizer: a client certificate in, allow or deny out.
//!
//! The path of one request, top to bottom: [`Request::from_json`] finds the certificate in the event,
//! [`RecentClients::read`] reads it, [`Snapshots::current`] has the snapshot, [`decide`] decides, and
//! [`Response::new`] spells the answer. What has to ask S3 is done after that, by
//! [`Authorizer::after_response`].
//!
//! Every event gets a decision. The one error is that no snapshot could ever be had: API Gateway then
//! answers 500 and caches nothing, which a denial would not tell apart from a revocation.

pub mod client_cert;
pub mod config;
pub mod decision;
pub mod event;
pub mod invocation;
pub mod metrics;
pub mod moment;
mod pem;
#[cfg(test)]
mod plain;
pub mod recent;
pub mod response;
pub mod snapshots;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use revocation::{SecondPartNeeded, StatusSource, UnixTime};

use crate::client_cert::ClientCertError;
use crate::decision::{Decision, Policy, Reason, decide};
use crate::event::Request;
use crate::metrics::Metrics;
use crate::moment::Moment;
use crate::recent::RecentClients;
use crate::response::{Format, Response};
use crate::snapshots::{Available, LoadError, Snapshots};

/// Answers the requests of one execution environment.
pub struct Authorizer {
    snapshots: Snapshots,
    policy: Policy,
    format: Format,
    clients: RecentClients,
    metrics: Metrics,
}

impl Authorizer {
    /// With that policy and that format of answers to payload 2.0 events.
    pub fn new(snapshots: Snapshots, policy: Policy, format: Format, metrics: Metrics) -> Self {
        Self {
            snapshots,
            policy,
            format,
            clients: RecentClients::default(),
            metrics,
        }
    }

    /// Answers one request.
    ///
    /// # Errors
    /// There is no snapshot to decide from, or its first part cannot tell and the rest cannot be had.
    pub async fn authorize(&self, event: &[u8], now: Moment) -> Result<Response, LoadError> {
        let started = Instant::now();
        let answer = self.answer(event, now).await;
        match &answer {
            Ok(answer) => self.metrics.decided(answer.decision, started.elapsed()),
            Err(_) => self.metrics.without_snapshot(),
        }
        answer.map(|answer| answer.response)
    }

    async fn answer(&self, event: &[u8], now: Moment) -> Result<Answer, LoadError> {
        let Self {
            snapshots,
            policy,
            format,
            clients,
            ..
        } = self;
        let snapshot = match snapshots.current(now).await? {
            Available::Whole(snapshot) => snapshot,
            Available::Early(early) => {
                let first = early.first_part();
                match respond(event, clients, first, now.unix_time(), policy, *format) {
                    Ok(answer) => return Ok(answer),
                    Err(SecondPartNeeded) => snapshots.whole(now).await?,
                }
            }
        };
        let Ok(answer) = respond(event, clients, &*snapshot, now.unix_time(), policy, *format);
        Ok(answer)
    }

    /// What is to be done when a response has been sent, before the next event is asked for: metrics
    /// are printed and the snapshot is revalidated, each where it is time. Nobody waits for it, and
    /// whatever it comes to, requests go on. Takes two seconds at most.
    pub async fn after_response(&self, now: Moment) {
        self.metrics.print_if_due(self.snapshots.observed(), now);
        self.snapshots.keep_fresh(now).await;
    }

    /// Prints what was counted since the last time.
    pub fn print_metrics(&self, now: Moment) {
        self.metrics.print(self.snapshots.observed(), now);
    }
}

/// The answer to a request and what led to it.
#[derive(Debug)]
pub struct Answer {
    /// What API Gateway is told.
    pub response: Response,
    /// What was decided, and why.
    pub decision: Decision,
    /// Why the certificate could not be read, where that is the reason.
    pub unreadable: Option<ClientCertError>,
}

/// Answers one request from that snapshot. `clients` makes it faster, and changes nothing else; but for
/// the log line it is pure.
///
/// # Errors
/// The snapshot has no answer yet.
pub fn respond<S: StatusSource>(
    event: &[u8],
    clients: &RecentClients,
    snapshot: &S,
    now: UnixTime,
    policy: &Policy,
    format: Format,
) -> Result<Answer, S::Undecided> {
    let request = Request::from_json(event);
    let pem = request.client_cert_pem;
    let (client, unreadable) = match pem.and_then(|pem| clients.read(pem)) {
        Some(Ok(client)) => (Some(client), None),
        Some(Err(unreadable)) => (None, Some(unreadable)),
        None => (None, None),
    };
    let certificate = match (&client, &unreadable) {
        (Some(client), _) => Ok(client.certificate()),
        (None, Some(_)) => Err(Reason::CertificateUnreadable),
        (None, None) => Err(Reason::NoClientCertificate),
    };
    let decision = decide(certificate, snapshot, now, policy)?;
    let (response, decision) = Response::new(decision, &request, client, snapshot.id(), format);
    log(decision, &request, &response, unreadable.as_ref());
    Ok(Answer {
        response,
        decision,
        unreadable,
    })
}

/// One line for each denial, whether or not it takes effect, and with the log level `debug` for each
/// permission: always the same keys, never the PEM, never the event.
fn log(
    decision: Decision,
    request: &Request<'_>,
    response: &Response,
    unreadable: Option<&ClientCertError>,
) {
    let is_permission = decision.reason == Reason::NotRevoked;
    if is_permission && !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let reason = decision.reason.code();
    let (certificate, snapshot) = (response.certificate(), response.snapshot());
    let request_id = request.request_id.as_deref().unwrap_or_default();
    let serial = certificate
        .map(|certificate| certificate.serial.to_string())
        .unwrap_or_default();
    let (subject, issuer) = certificate.map_or(("", ""), |certificate| {
        (certificate.subject.as_str(), certificate.issuer.as_str())
    });
    let detail = unreadable.map(ToString::to_string).unwrap_or_default();
    let _of_the_invocation = invocation::span().entered();
    // A level is part of the place that logs, so it takes two of them to have one line in two levels.
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                decision = decision.effect.code(),
                reason,
                serial,
                subject,
                issuer,
                %snapshot,
                request_id,
                detail,
                "decision"
            )
        };
    }
    if is_permission {
        line!(debug)
    } else {
        line!(info)
    }
}

/// Whoever panicked while holding it had not begun to change it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::Client;
    use aws_sdk_s3::config::BehaviorVersion;

    use super::*;
    use crate::config::Config;

    /// The runtime moves both several times with each invocation. A request to S3 takes some 8,000 octets,
    /// and would be moved along with every request that needs none.
    #[test]
    fn what_does_not_ask_s3_takes_little() {
        let variable = |name: &str| (name == "SNAPSHOT_BUCKET").then(|| "snapshots".to_owned());
        let config = Config::from_environment(&variable).unwrap();
        let s3 = aws_sdk_s3::Config::builder().behavior_version(BehaviorVersion::latest());
        let snapshots = Snapshots::new(Client::from_conf(s3.build()), &config);
        let metrics = Metrics::new("authorizer".to_owned(), config.metrics_interval);
        let authorizer = Authorizer::new(snapshots, config.policy, config.format, metrics);
        let now = Moment::from_unix_milliseconds(0);
        let request = size_of_val(&authorizer.authorize(b"{}", now));
        let afterwards = size_of_val(&authorizer.after_response(now));
        assert!(request < 2_048, "{request}");
        assert!(afterwards < 1_024, "{afterwards}");
    }
}
