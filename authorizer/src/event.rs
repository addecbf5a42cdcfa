//! The few fields of an authorizer event that are read. Any octets give a [`Request`]: what is missing
//! or of another type is absent, so that an odd event ends in a decision and not in a 500.
//!
//! Fields are found by their path, never by searching the text: a client chooses the names of its
//! query parameters and headers, and may well call one of them `clientCertPem`.
//!
//! An event of the usual form is walked through once (`scan`), any other is read part by part with
//! serde_json. Both give the same.

mod scan;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::scan::Members;

/// What is read of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// Which kind of authorizer event it is.
    pub shape: Shape,
    /// The ARN of the method or route that is called.
    pub arn: Option<Cow<'a, str>>,
    /// The client certificate that API Gateway verified, in PEM.
    pub client_cert_pem: Option<JsonString<'a>>,
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

/// A JSON string as it stands in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonString<'a> {
    quoted: &'a str,
    escaped: &'a str,
}

impl<'a> JsonString<'a> {
    /// `None` for a value of another type.
    pub(crate) fn new(json: &'a str) -> Option<Self> {
        let escaped = json.strip_prefix('"')?.strip_suffix('"')?;
        Some(Self {
            quoted: json,
            escaped,
        })
    }

    /// What is between the quotation marks, escapes and all.
    pub const fn escaped(self) -> &'a str {
        self.escaped
    }

    /// The text it stands for; `None` for half of a surrogate pair, which is no text. O(n).
    pub fn text(self) -> Option<Cow<'a, str>> {
        unescape(self.quoted)
    }
}

impl<'a> Request<'a> {
    /// Reads an event in UTF-8. Of octets that are no JSON nothing is read.
    pub fn from_json(event: &'a [u8]) -> Self {
        let Ok(event) = str::from_utf8(event) else {
            return Self::default();
        };
        match Members::find(event) {
            Some(members) => members.into(),
            None => Self::from_any_json(event),
        }
    }

    /// As [`Self::from_json`], whatever the form of the event.
    fn from_any_json(event: &'a str) -> Self {
        let event: Event<'_> = read(serde_json::from_str(event).ok()).unwrap_or_default();
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
            client_cert_pem: client_cert.pem.and_then(|pem| JsonString::new(pem.get())),
            request_id: text(context.request_id),
        }
    }
}

impl<'a> From<Members<'a>> for Request<'a> {
    fn from(members: Members<'a>) -> Self {
        let [authentication, identity] = members.client_cert_pem;
        let (arn, client_cert_pem) = match members.shape {
            Shape::HttpApi2 => (members.route_arn, authentication),
            Shape::HttpApi1 | Shape::Rest => (members.method_arn, identity),
            Shape::Unknown => (None, None),
        };
        Self {
            shape: members.shape,
            arn: arn.map(Cow::Borrowed),
            client_cert_pem,
            request_id: members.request_id.map(Cow::Borrowed),
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

/// The members of an object. `None` where the field is absent, of another type, or has a member
/// twice: of two certificates there would be no telling which one is meant.
fn read<'a, T: Deserialize<'a>>(field: Field<'a>) -> Option<T> {
    // What is derived would take an array too, and its elements for the members in turn.
    let object = field.filter(|raw| raw.get().starts_with('{'))?;
    serde_json::from_str(object.get()).ok()
}

fn text<'a>(field: Field<'a>) -> Option<Cow<'a, str>> {
    field.and_then(|raw| unescape(raw.get()))
}

fn unescape(json: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let text: Option<Text<'_>> = serde_json::from_str(json).ok();
    text.map(|text| text.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use testkit::events;

    fn pem_of(event: &Value) -> (Shape, Option<String>) {
        let event = event.to_string();
        let request = Request::from_json(event.as_bytes());
        let pem = request.client_cert_pem.and_then(JsonString::text);
        (request.shape, pem.map(Cow::into_owned))
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
        assert_eq!(Request::from_json(text.as_bytes()).client_cert_pem, None);
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
            json!({"version": "2.0", "requestContext": {"authentication": {"clientCert": [PEM]}}}),
            json!({"version": "2.0", "requestContext": {"authentication": [{"clientCertPem": PEM}]}}),
            json!({"version": "3.0", "methodArn": "arn:x"}),
        ] {
            assert_eq!(pem_of(&event).1, None, "{event}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(Request::from_json(deep.as_bytes()).shape, Shape::Unknown);
    }

    #[test]
    fn of_what_is_no_json_nothing_is_read() {
        let event = events::http_api_v2(PEM).to_string();
        assert_ne!(Request::from_json(event.as_bytes()), Request::default());
        let with = |what: &str, instead: &str| event.replacen(what, instead, 1).into_bytes();
        let mut invalid = vec![
            Vec::new(),
            event[1..].into(),
            event[..event.len() - 1].into(),
            [event.as_bytes(), b"}"].concat(),
            [event.as_bytes(), event.as_bytes()].concat(),
            with("\"headers\":", "\"headers\""),
            with("\"headers\":", "headers:"),
            with("\"headers\":", "\"headers\"::"),
            with("null", "nul"),
            with("null", "nulll"),
            with("null", "[}"),
            with("null", "[1,]"),
            with("null", "[,1]"),
            with("null", r#"{"a":1,}"#),
            with("null", r#"{"a"}"#),
            with("null", "{1:1}"),
            with("null", r#"{"a":1,2}"#),
            with("null", r#"{"a":1,"b"}"#),
            with("null", "01"),
            with("null", "1.e1"),
            with("null", "+1"),
            with("null", "\"\\x\""),
            with("null", "\"\\u12g4\""),
            with("null", "\"\n\""),
            with("null", "\\n"),
        ];
        let mut no_text = event.clone().into_bytes();
        no_text[event.find("api.example.com").unwrap()] = 0xff;
        invalid.push(no_text);
        for event in invalid {
            let text = String::from_utf8_lossy(&event);
            assert_eq!(Request::from_json(&event), Request::default(), "{text}");
        }
    }

    /// Also at the depth from which on the careful reader keeps count.
    #[test]
    fn brackets_close_what_they_open() {
        let event = |open: &str, close: &str| {
            format!(r#"{{"version":"2.0","a":{open}0{close},"routeArn":"arn:x"}}"#)
        };
        for depth in 1..=70 {
            let (lists, ends) = ("[".repeat(depth), "]".repeat(depth));
            let (objects, braces) = (r#"{"a":"#.repeat(depth), "}".repeat(depth));
            for (open, close) in [(&lists, &ends), (&objects, &braces)] {
                let text = event(open, close);
                assert_eq!(Members::find(&text).is_some(), depth < 64, "{text}");
                assert_eq!(Request::from_json(text.as_bytes()).shape, Shape::HttpApi2);
            }
            for (open, close) in [
                (&lists, &braces),
                (&objects, &ends),
                (&lists, &format!("{}}}", &ends[1..])),
                (&lists, &format!("}}{}", &ends[1..])),
                (&objects, &format!("{}]", &braces[1..])),
            ] {
                let text = event(open, close);
                assert_eq!(
                    Request::from_json(text.as_bytes()),
                    Request::default(),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn events_of_the_usual_form_are_walked_through() {
        for event in [
            events::http_api_v2(PEM),
            events::http_api_v1(PEM),
            events::rest_request(PEM),
        ] {
            let text = event.to_string();
            assert!(Members::find(&text).is_some(), "{text}");
        }
    }

    /// Members of an object of that depth in the path: mostly those that are looked for, mostly
    /// once, mostly of the right type; names and values also as JSON may spell them.
    fn object(depth: usize) -> BoxedStrategy<String> {
        const KEYS: [&[&str]; 4] = [
            &[
                "version",
                "routeArn",
                "methodArn",
                "requestContext",
                "headers",
            ],
            &["requestId", "authentication", "identity", "http"],
            &["clientCert", "sourceIp"],
            &["clientCertPem", "subjectDN"],
        ];
        let keys = KEYS[depth];
        let key = prop_oneof![
            30 => prop::sample::select(keys).prop_map(|key| format!("\"{key}\"")),
            1 => prop::sample::select(keys)
                .prop_map(|key| format!("\"\\u{:04x}{}\"", u32::from(key.as_bytes()[0]), &key[1..])),
            1 => Just(r#""\ud800""#.to_owned()),
        ];
        let member = key.prop_flat_map(move |key| {
            let value = match &*key {
                "\"requestContext\"" | "\"authentication\"" | "\"identity\"" | "\"clientCert\"" => {
                    prop_oneof![8 => object(depth + 1), 1 => value()].boxed()
                }
                "\"version\"" => prop_oneof![
                    4 => Just("\"2.0\"".to_owned()),
                    2 => Just("\"1.0\"".to_owned()),
                    1 => value(),
                ]
                .boxed(),
                _ => value(),
            };
            (Just(key), white(), value)
                .prop_map(|(key, white, value)| format!("{key}{white}:{value}"))
        });
        (prop::collection::vec(member, 0..6), white())
            .prop_map(|(members, white)| {
                format!("{{{white}{}{white}}}", members.join(&format!("{white},")))
            })
            .boxed()
    }

    fn white() -> impl Strategy<Value = String> {
        prop_oneof![6 => Just(""), 1 => Just(" \n\r\t")].prop_map(str::to_owned)
    }

    /// Any value, as JSON may spell it.
    fn value() -> BoxedStrategy<String> {
        let leaf = prop_oneof![
            "[a-z:/\\[{}\\]]{0,40}".prop_map(|text| format!("\"{text}\"")),
            prop::sample::select(vec![
                "null",
                "true",
                "-1e999",
                "0",
                "{}",
                "[ ]",
                r#""\\""#,
                r#""\\\"""#,
                r#""a\nb\/""#,
                r#""\ud800""#,
                r#""\ud83d\ude00é""#,
                r#""}\"{""#,
            ])
            .prop_map(str::to_owned),
        ];
        let nested = leaf.prop_recursive(3, 8, 3, |inner| {
            let list = prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|values| format!("[{}]", values.join(" ,")));
            let object = prop::collection::vec(inner, 0..3).prop_map(|values| {
                let members = values
                    .iter()
                    .map(|value| format!(r#""clientCert" :{value}"#));
                format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
            });
            prop_oneof![list, object]
        });
        nested.boxed()
    }

    fn assert_same(text: &str) {
        let plainly = Request::from_any_json(text);
        assert_eq!(Request::from_json(text.as_bytes()), plainly, "{text}");
    }

    /// Every event that differs from this one in one octet, or lacks one, or has one more.
    #[test]
    fn what_is_nearly_an_event_gives_what_serde_json_gives() {
        let event =
            br#"{"version":"2.0","a":[1,{"b":null,"c":[]},"d"],"e":{"f\n":{},"h":"\u00e9\\"},
"requestContext":{"authentication":{"clientCert":{"clientCertPem":"x\ny"}},"time":120,"g":false}}"#;
        let event = event.iter().copied().filter(|octet| *octet != b'\n');
        let event: Vec<u8> = event.collect();
        assert!(Members::find(str::from_utf8(&event).unwrap()).is_some());
        let octets = b"\"\\{}[]:, 01n-.eEtu/\n\t\x7f\xc3";
        for at in 0..event.len() {
            let (before, after) = (&event[..at], &event[at + 1..]);
            let same = [event[at]];
            let mut edits: Vec<&[u8]> = vec![&[]];
            edits.extend(octets.chunks(1));
            let replaced = edits.iter().map(|edit| [before, edit, after].concat());
            let inserted = edits
                .iter()
                .map(|edit| [before, edit, &same, after].concat());
            for text in replaced.chain(inserted) {
                match str::from_utf8(&text) {
                    Ok(text) => assert_same(text),
                    Err(_) => assert_eq!(Request::from_json(&text), Request::default()),
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn walking_through_gives_what_serde_json_gives(text in object(0)) {
            prop_assert!(serde_json::from_str::<&RawValue>(&text).is_ok());
            assert_same(&text);
        }

        #[test]
        fn any_text_gives_what_serde_json_gives(text in ".{0,80}", event in object(0)) {
            assert_same(&text);
            for (end, _) in event.char_indices() {
                assert_same(&event[..end]);
            }
        }
    }
}
