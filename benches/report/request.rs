//! An authorizer event's octets → the response's octets, warm.

use std::hint::black_box;

use authorizer::decision::Policy;
use authorizer::recent::RecentClients;
use benches::{event, is_permission, ours, rivals, serials, snapshot};
use revocation::Snapshot;
use testkit::pki::{Ca, KeyKind};

use crate::figures::Report;
use crate::measure::{Contender, Failure, OURS, Session, float};

const FIRST: &str = "crl-authorizer, certificate not seen before";
const VALUE_PARSE: &str = "serde_json::Value parse";

const REQUESTS: u32 = if cfg!(debug_assertions) { 50 } else { 2_000 };

/// An HTTP API event of payload 2.0 with an RSA-2048 certificate, and one with a P-256 certificate.
pub(crate) fn measure(session: &Session, report: &mut Report) -> Result<(), Failure> {
    session.saying("requests");
    let ca = Ca::root_with("Bench CA", KeyKind::Rsa2048);
    let members = serials(100_000, 1);
    let snapshot = Snapshot::open(snapshot(&ca, &members))
        .map_err(|error| Failure(format!("the snapshot is unreadable: {error}")))?;
    let hash_set = rivals::hash_set(&members);
    let policy = Policy::default();
    for key in [KeyKind::Rsa2048, KeyKind::P256] {
        let event = event(&ca, key);
        let [recent, forgotten] = [RecentClients::default(), RecentClients::forgotten()];
        let respond = |clients| ours::respond(black_box(&event), clients, &snapshot, &policy);
        if !is_permission(respond(&recent))
            || respond(&recent) != respond(&forgotten)
            || !is_permission(rivals::first_thought_handler(&event, &hash_set))
        {
            return Err(Failure("a good certificate was not let in".to_owned()));
        }
        let contenders = vec![
            Contender::new(OURS, || repeated(|| respond(&recent))),
            Contender::new(FIRST, || repeated(|| respond(&forgotten))),
            Contender::new("aws_lambda_events + x509-parser", || {
                repeated(|| rivals::first_thought_handler(black_box(&event), &hash_set))
            }),
            Contender::new(VALUE_PARSE, || {
                repeated(|| rivals::value_parse(black_box(&event)))
            }),
        ];
        let timings = session.in_turn(31, REQUESTS.into(), contenders)?;
        let microseconds = |seconds: f64| seconds * 1e6 / f64::from(REQUESTS);
        let yardstick = timings.seconds(VALUE_PARSE)?;
        if key != KeyKind::Rsa2048 {
            let ours = timings.seconds(OURS)?;
            report.detail(
                "request_us",
                "the same with a P-256 certificate",
                microseconds(ours),
            );
            report.detail(
                "request_x_value_parse",
                "with a P-256 certificate",
                ours / yardstick,
            );
            continue;
        }
        report.detail("request_us", "event, octets", float(event.len()));
        for timing in timings.iter() {
            report.record("request_us", timing.name, microseconds(timing.seconds));
            if timing.name != VALUE_PARSE {
                let ratio = timing.seconds / yardstick;
                report.record("request_x_value_parse", timing.name, ratio);
            }
        }
    }
    Ok(())
}

fn repeated<T>(mut request: impl FnMut() -> Option<T>) -> Option<u64> {
    for _ in 0..REQUESTS {
        black_box(request()?);
    }
    Some(REQUESTS.into())
}
