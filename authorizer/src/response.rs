//! Decision → API Gateway's answer. The only place that spells an effect; nothing here has a default.

use serde::Serialize;

use crate::client_cert::ClientCert;
use crate::decision::{Decision, Effect, Reason};
use crate::event::{Request, Shape};

/// What payload 2.0 events are answered with. It must be what the authorizer was created for: the
/// template sets both from one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `isAuthorized`, for authorizers with simple responses.
    Simple,
    /// An IAM policy.
    Iam,
}

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// HTTP API, payload 2.0, with simple responses enabled.
    Simple(Simple),
    /// Everything else.
    Iam(Iam),
}

/// A simple response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Simple {
    is_authorized: bool,
    context: Context,
}

/// An IAM policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Iam {
    principal_id: String,
    policy_document: PolicyDocument,
    context: Context,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDocument {
    version: &'static str,
    statement: [Statement; 1],
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: &'static str,
    effect: &'static str,
    resource: String,
}

/// What the backend, the access log and gateway responses can use: flat strings, since REST APIs
/// take nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    decision: &'static str,
    reason: &'static str,
    #[serde(flatten)]
    certificate: Option<CertificateContext>,
    snapshot: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateContext {
    serial_number: String,
    subject: String,
    issuer: String,
    fingerprint_sha256: String,
    not_after: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    sans: String,
}

impl Response {
    /// Answers a request; also gives the decision as it was answered, which is a denial where an
    /// IAM policy is due and the event does not say for which API.
    pub fn new(
        decision: Decision,
        request: &Request<'_>,
        certificate: Option<&ClientCert>,
        snapshot: String,
        format: Format,
    ) -> (Self, Decision) {
        let format = match request.shape {
            Shape::HttpApi2 | Shape::Unknown => format,
            Shape::HttpApi1 | Shape::Rest => Format::Iam,
        };
        let resource = request.arn.as_deref().and_then(whole_stage);
        let decision = match (format, &resource) {
            (Format::Iam, None) if decision.effect == Effect::Allow => Decision {
                effect: Effect::Deny,
                reason: Reason::EventUnreadable,
            },
            _ => decision,
        };
        let context = Context {
            decision: decision.effect.code(),
            reason: decision.reason.code(),
            certificate: certificate.map(CertificateContext::new),
            snapshot,
        };
        let response = match format {
            Format::Simple => Self::Simple(Simple {
                is_authorized: match decision.effect {
                    Effect::Allow => true,
                    Effect::Deny => false,
                },
                context,
            }),
            Format::Iam => Self::Iam(Iam {
                principal_id: certificate.map_or_else(
                    || "no-certificate".to_owned(),
                    |certificate| hex(&certificate.fingerprint),
                ),
                policy_document: PolicyDocument {
                    version: "2012-10-17",
                    statement: [Statement {
                        action: "execute-api:Invoke",
                        effect: match decision.effect {
                            Effect::Allow => "Allow",
                            Effect::Deny => "Deny",
                        },
                        // Only a denial comes without a resource, see above.
                        resource: resource.unwrap_or_else(|| "*".to_owned()),
                    }],
                },
                context,
            }),
        };
        (response, decision)
    }
}

impl CertificateContext {
    fn new(certificate: &ClientCert) -> Self {
        Self {
            serial_number: certificate.serial.to_string(),
            subject: shortened(&certificate.subject),
            issuer: shortened(&certificate.issuer),
            fingerprint_sha256: hex(&certificate.fingerprint),
            not_after: certificate.not_after.to_string(),
            sans: shortened(&certificate.sans),
        }
    }
}

/// Every method and path of the stage that an ARN is for, so that a cached policy fits every route:
/// `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH` → `…:API/STAGE/*`.
///
/// The path, and with it whatever the client wrote into it, is left out. `None` if the rest is not
/// made of the characters such ARNs have, wildcards among those they do not.
fn whole_stage(arn: &str) -> Option<String> {
    let mut parts = arn.splitn(6, ':');
    let prefix = [
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
        parts.next()?,
    ];
    let ["arn", partition, "execute-api", region, account] = prefix else {
        return None;
    };
    let mut segments = parts.next()?.splitn(3, '/');
    let (api, stage) = (segments.next()?, segments.next()?);
    let is_plain = |text: &str| {
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"$-_.".contains(&octet);
        !text.is_empty() && text.len() <= 128 && text.bytes().all(plain)
    };
    let all_plain = [partition, region, account, api, stage]
        .into_iter()
        .all(is_plain);
    all_plain.then(|| format!("arn:{partition}:execute-api:{region}:{account}:{api}/{stage}/*"))
}

/// Names can be long and there can be many; responses must stay far below 8 KB.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn hex(octets: &[u8]) -> String {
    use std::fmt::Write;
    octets.iter().fold(
        String::with_capacity(octets.len() * 2),
        |mut text, octet| {
            // Writing to a String does not fail.
            let _ = write!(text, "{octet:02x}");
            text
        },
    )
}

const MAX_TEXT_CHARACTERS: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::borrow::Cow;

    const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/GET/a/b";

    fn answer(
        shape: Shape,
        arn: Option<&'static str>,
        format: Format,
        decision: Decision,
    ) -> serde_json::Value {
        let request = Request {
            shape,
            arn: arn.map(Cow::Borrowed),
            ..Request::default()
        };
        let (response, _) = Response::new(decision, &request, None, "id".to_owned(), format);
        serde_json::to_value(response).unwrap()
    }

    const ALLOW: Decision = Decision {
        effect: Effect::Allow,
        reason: Reason::NotRevoked,
    };
    const DENY: Decision = Decision {
        effect: Effect::Deny,
        reason: Reason::Revoked,
    };

    #[test]
    fn simple_answers_are_real_booleans() {
        let expected = |authorized, decision, reason| {
            json!({"isAuthorized": authorized,
                   "context": {"decision": decision, "reason": reason, "snapshot": "id"}})
        };
        let answer = |decision| answer(Shape::HttpApi2, None, Format::Simple, decision);
        assert_eq!(answer(ALLOW), expected(true, "allow", "not-revoked"));
        assert_eq!(answer(DENY), expected(false, "deny", "revoked"));
    }

    #[test]
    fn policies_are_for_the_whole_stage() {
        let expected = |effect, decision, reason| {
            json!({"principalId": "no-certificate",
                   "policyDocument": {"Version": "2012-10-17", "Statement": [{
                       "Action": "execute-api:Invoke", "Effect": effect,
                       "Resource": "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/*"}]},
                   "context": {"decision": decision, "reason": reason, "snapshot": "id"}})
        };
        for (shape, format) in [
            (Shape::HttpApi2, Format::Iam),
            (Shape::HttpApi1, Format::Simple),
            (Shape::Rest, Format::Simple),
        ] {
            assert_eq!(
                answer(shape, Some(ARN), format, ALLOW),
                expected("Allow", "allow", "not-revoked")
            );
            assert_eq!(
                answer(shape, Some(ARN), format, DENY),
                expected("Deny", "deny", "revoked")
            );
        }
    }

    #[test]
    fn without_an_api_nothing_is_allowed() {
        let wildcard = "arn:aws:execute-api:*:123456789012:abc123/prod/GET/";
        for arn in [
            None,
            Some(""),
            Some("arn:aws:s3:::bucket/key"),
            Some(wildcard),
            Some("arn:aws:execute-api:r:1:api"),
        ] {
            let answer = answer(Shape::Rest, arn, Format::Simple, ALLOW);
            assert_eq!(
                answer["policyDocument"]["Statement"][0]["Effect"], "Deny",
                "{arn:?}"
            );
            assert_eq!(answer["context"]["reason"], "event-unreadable");
        }
    }

    #[test]
    fn long_names_are_cut_at_a_character() {
        let name = "é".repeat(600);
        let cut = shortened(&name);
        assert_eq!(cut.chars().count(), 513);
        assert!(cut.ends_with('…'));
        assert_eq!(shortened("short"), "short");
    }
}
