//! Decision → API Gateway's answer. The only place that spells an effect; nothing here has a default.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

use revocation::{SnapshotId, hex};
use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::to_raw_value;

use crate::client_cert::ClientCert;
use crate::decision::{Decision, Effect, Reason};
use crate::event::{Request, Shape};
use crate::recent::{Client, Part};

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
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// HTTP API, payload 2.0, with simple responses enabled.
    Simple(Simple),
    /// Everything else.
    Iam(Iam),
}

/// A simple response.
#[derive(Clone, Debug)]
pub struct Simple(Context);

/// An IAM policy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Iam {
    principal_id: PrincipalId,
    policy_document: PolicyDocument,
    context: Context,
}

/// The certificate's fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PrincipalId(Option<[u8; 32]>);

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
#[derive(Clone, Debug)]
struct Context {
    decision: Decision,
    client: Option<Arc<Client>>,
    snapshot: SnapshotId,
}

impl Response {
    /// Answers a request; also gives the decision as it was answered, which is a denial where an
    /// IAM policy is due and the event does not say for which API.
    pub fn new(
        decision: Decision,
        request: &Request<'_>,
        client: Option<Arc<Client>>,
        snapshot: SnapshotId,
        format: Format,
    ) -> (Self, Decision) {
        let format = match request.shape {
            Shape::HttpApi2 | Shape::Unknown => format,
            Shape::HttpApi1 | Shape::Rest => Format::Iam,
        };
        if format == Format::Simple {
            let context = Context {
                decision,
                client,
                snapshot,
            };
            return (Self::Simple(Simple(context)), decision);
        }
        let resource = request.arn.as_deref().and_then(whole_stage);
        let decision = match (decision.effect, &resource) {
            (Effect::Allow, None) => Decision {
                effect: Effect::Deny,
                reason: Reason::EventUnreadable,
            },
            _ => decision,
        };
        let fingerprint = client
            .as_ref()
            .map(|client| client.certificate().fingerprint);
        let response = Self::Iam(Iam {
            principal_id: PrincipalId(fingerprint),
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
            context: Context {
                decision,
                client,
                snapshot,
            },
        });
        (response, decision)
    }

    /// The certificate it is about, if there is one that can be read.
    pub fn certificate(&self) -> Option<&ClientCert> {
        self.context().client.as_deref().map(Client::certificate)
    }

    /// The snapshot that was decided from.
    pub const fn snapshot(&self) -> SnapshotId {
        self.context().snapshot
    }

    const fn context(&self) -> &Context {
        match self {
            Self::Simple(Simple(context)) => context,
            Self::Iam(iam) => &iam.context,
        }
    }
}

impl Serialize for Simple {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(context) = self;
        context.serialize_once(Part::Simple, &Members(context), serializer)
    }
}

impl Serialize for Context {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize_once(Part::Context, &Entries(self), serializer)
    }
}

impl Context {
    /// What depends on nothing else is written once for a client, and again for another decision or
    /// snapshot. All of a simple response is.
    fn serialize_once<S: Serializer>(
        &self,
        part: Part,
        written: &impl Serialize,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let Some(client) = &self.client else {
            return written.serialize(serializer);
        };
        let write = || to_raw_value(written);
        let json = client.written(part, self.decision, self.snapshot, write);
        json.map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// What a simple response is made of.
struct Members<'a>(&'a Context);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(context) = self;
        let is_authorized = match context.decision.effect {
            Effect::Allow => true,
            Effect::Deny => false,
        };
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("isAuthorized", &is_authorized)?;
        members.serialize_entry("context", &Entries(context))?;
        members.end()
    }
}

/// What a context is made of.
struct Entries<'a>(&'a Context);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(Context {
            decision,
            client,
            snapshot,
        }) = self;
        let mut context = serializer.serialize_map(None)?;
        context.serialize_entry("decision", decision.effect.code())?;
        context.serialize_entry("reason", decision.reason.code())?;
        if let Some(certificate) = client.as_deref().map(Client::certificate) {
            context.serialize_entry("serialNumber", &Shown(&certificate.serial))?;
            context.serialize_entry("subject", &*shortened(&certificate.subject))?;
            context.serialize_entry("issuer", &*shortened(&certificate.issuer))?;
            context.serialize_entry("fingerprintSha256", &Hex(&certificate.fingerprint))?;
            context.serialize_entry("notAfter", &Shown(&certificate.not_after))?;
            if !certificate.sans.is_empty() {
                context.serialize_entry("sans", &*shortened(&certificate.sans))?;
            }
        }
        context.serialize_entry("snapshot", &Shown(snapshot))?;
        context.end()
    }
}

impl Serialize for PrincipalId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(fingerprint) => Hex(fingerprint).serialize(serializer),
            None => serializer.serialize_str("no-certificate"),
        }
    }
}

/// As its `Display` shows it.
struct Shown<'a, T>(&'a T);

impl<T: Display> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// Lower-case hexadecimal.
struct Hex<'a>(&'a [u8; 32]);

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(hex(self.0, &mut [0; 64]))
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
fn shortened(text: &str) -> Cow<'_, str> {
    // A character has an octet at least.
    if text.len() <= MAX_TEXT_CHARACTERS {
        return Cow::Borrowed(text);
    }
    match text.char_indices().nth(MAX_TEXT_CHARACTERS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
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
        let snapshot = SnapshotId::from_checksum(0xfeed);
        let (response, _) = Response::new(decision, &request, None, snapshot, format);
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
                   "context": {"decision": decision, "reason": reason, "snapshot": "000000000000feed"}})
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
                   "context": {"decision": decision, "reason": reason, "snapshot": "000000000000feed"}})
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
