//! The few fields of an authorizer event that are read. Any JSON gives a [`Request`]: what is missing
//! or of another type is absent, so that an odd event ends in a decision and not in a 500.
//!
//! Fields are found by their path, never by searching the text: a client chooses the names of its
//! query parameters and headers, and may well call one of them `clientCertPem`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What is read of one event.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// Which kind of authorizer event it is.
    pub shape: Shape,
    /// The ARN of the method or route that is called.
    pub arn: Option<Cow<'a, str>>,
    /// The client certificate that API Gateway verified, in PEM.
    pub client_cert_pem: Option<Cow<'a, str>>,
    /// API Gateway's identifier of the request, for the log.
    pub request_id: Option<Cow<'a, str>>,
}

/// The kinds of authorizer events, which differ in where the certificate is and what they accept as
/// an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// HTTP API, payload format 2.0.
    HttpApi2,
    /// HTTP API, payload format 1.0.
    HttpApi1,
    /// REST API, REQUEST authorizer.
    Rest,
    /// None of them.
    #[default]
    Unknown,
}

impl<'a> Request<'a> {
    /// Reads an event.
    pub fn from_json(event: &'a RawValue) -> Self {
        let event: Event<'_> = read(Some(event)).unwrap_or_default();
        let version: Option<Cow<'_, str>> = text(event.version);
        let shape = match version.as_deref() {
            Some("2.0") => Shape::HttpApi2,
            Some("1.0") => Shape::HttpApi1,
            None if event.method_arn.is_some() => Shape::Rest,
            _ => Shape::Unknown,
        };
        let context: Context<'_> = read(event.request_context).unwrap_or_default();
        let (arn, holder) = match shape {
            Shape::HttpApi2 => (event.route_arn, context.authentication),
            Shape::HttpApi1 | Shape::Rest => (event.method_arn, context.identity),
            Shape::Unknown => (None, None),
        };
        let holder: Holder<'_> = read(holder).unwrap_or_default();
        let client_cert: ClientCert<'_> = read(holder.client_cert).unwrap_or_default();
        Request {
            shape,
            arn: text(arn),
            client_cert_pem: text(client_cert.pem),
            request_id: text(context.request_id),
        }
    }
}

type Field<'a> = Option<&'a RawValue>;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow, default)]
    version: Field<'a>,
    #[serde(borrow, default)]
    route_arn: Field<'a>,
    #[serde(borrow, default)]
    method_arn: Field<'a>,
    #[serde(borrow, default)]
    request_context: Field<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    #[serde(borrow, default)]
    authentication: Field<'a>,
    #[serde(borrow, default)]
    identity: Field<'a>,
    #[serde(borrow, default)]
    request_id: Field<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Holder<'a> {
    #[serde(borrow, default)]
    client_cert: Field<'a>,
}

#[derive(Default, Deserialize)]
struct ClientCert<'a> {
    #[serde(borrow, default, rename = "clientCertPem")]
    pem: Field<'a>,
}

/// `None` where the field is absent, of another type, or has a member twice: of two certificates
/// there would be no telling which one is meant.
fn read<'a, T: Deserialize<'a>>(field: Field<'a>) -> Option<T> {
    field.and_then(|raw| serde_json::from_str(raw.get()).ok())
}

fn text<'a>(field: Field<'a>) -> Option<Cow<'a, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    read::<Text<'a>>(field).map(|text| text.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use testkit::events;

    fn raw(event: &Value) -> Box<RawValue> {
        serde_json::value::to_raw_value(event).unwrap()
    }

    fn pem_of(event: &Value) -> (Shape, Option<String>) {
        let event = raw(event);
        let request = Request::from_json(&event);
        (request.shape, request.client_cert_pem.map(Cow::into_owned))
    }

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

    #[test]
    fn each_shape_has_its_own_place_for_the_certificate() {
        let found = Some(PEM.to_owned());
        assert_eq!(
            pem_of(&events::http_api_v2(PEM)),
            (Shape::HttpApi2, found.clone())
        );
        assert_eq!(
            pem_of(&events::http_api_v1(PEM)),
            (Shape::HttpApi1, found.clone())
        );
        assert_eq!(pem_of(&events::rest_request(PEM)), (Shape::Rest, found));
        let mut crossed = events::http_api_v2(PEM);
        let context = crossed["requestContext"].as_object_mut().unwrap();
        let holder = context.remove("authentication").unwrap();
        context.insert("identity".to_owned(), holder);
        assert_eq!(pem_of(&crossed), (Shape::HttpApi2, None));
    }

    #[test]
    fn a_client_cannot_bring_a_certificate_of_its_own() {
        let mut event = events::http_api_v2(PEM);
        let forged = json!({"clientCertPem": "forged", "clientCert": {"clientCertPem": "forged"}});
        event["headers"] = forged.clone();
        event["queryStringParameters"] = forged.clone();
        event["stageVariables"] = forged;
        assert_eq!(pem_of(&event), (Shape::HttpApi2, Some(PEM.to_owned())));
        event["requestContext"]["authentication"] = json!(null);
        assert_eq!(pem_of(&event), (Shape::HttpApi2, None));
    }

    #[test]
    fn of_two_certificates_none_is_taken() {
        let text = r#"{"version":"2.0","requestContext":{"authentication":{"clientCert":
            {"clientCertPem":"a","clientCertPem":"b"}}}}"#;
        let event = RawValue::from_string(text.to_owned()).unwrap();
        assert_eq!(Request::from_json(&event).client_cert_pem, None);
    }

    #[test]
    fn odd_events_are_requests_too() {
        for event in [
            json!(null),
            json!([]),
            json!("2.0"),
            json!({}),
            json!({"version": 2.0}),
            json!({"version": "2.0", "requestContext": []}),
            json!({"version": "2.0", "requestContext": {"authentication": {"clientCert": "x"}}}),
            json!({"version": "3.0", "methodArn": "arn:x"}),
        ] {
            assert_eq!(pem_of(&event).1, None, "{event}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let event = RawValue::from_string(deep).unwrap();
        assert_eq!(Request::from_json(&event).shape, Shape::Unknown);
    }
}
