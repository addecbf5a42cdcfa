//! Events as an attacker would have them: each gets the right decision within bounds of time and memory,
//! and none of its text gets to where it would be taken for ours.

use std::time::Duration;

use serde_json::{Value, json};
use system_tests::{Deployment, client, refresh};
use testkit::events;
use testkit::lambda::{Function, FunctionError};
use testkit::pki::{Ca, Extension, Leaf, LeafOptions, der};

/// An event with a client certificate, and what holds the certificate in it.
type Shape = (fn(&str) -> Value, &'static str);

const SHAPES: [Shape; 3] = [
    (events::http_api_v2, "authentication"),
    (events::http_api_v1, "identity"),
    (events::rest_request, "identity"),
];

#[tokio::test]
async fn huge_headers() {
    let setting = Setting::start(&[]).await;
    for (event, _) in SHAPES {
        for (client, decision) in setting.clients() {
            let mut event = event(&client.certificate_pem());
            event["headers"]["x-long"] = json!("\u{1F512}\\\"\n".repeat(500_000));
            assert_eq!(setting.decide(event.to_string()).await, decision);
            let many = (0..50_000).map(|n| (format!("x-header-{n}"), json!("value")));
            event["headers"] = Value::Object(many.collect());
            event["queryStringParameters"] = event["headers"].clone();
            assert_eq!(setting.decide(event.to_string()).await, decision);
        }
    }
}

#[tokio::test]
async fn a_pem_of_a_megabyte() {
    let setting = Setting::start(&[]).await;
    let megabyte = 1 << 20;
    let fat = Extension::new("1.3.6.1.4.1.99999.1", false, vec![0; megabyte]);
    let fat = setting.ca.issue_with(
        "fat",
        LeafOptions {
            extensions: vec![fat],
            ..LeafOptions::current()
        },
    );
    let good = setting.good.certificate_pem();
    for (what, pem) in [
        ("no PEM", "x".repeat(megabyte)),
        ("line breaks", "\n".repeat(megabyte)),
        ("hyphens", "-".repeat(megabyte)),
        (
            "beginnings",
            "-----BEGIN CERTIFICATE-----\n".repeat(megabyte / 28),
        ),
        (
            "no certificate",
            der::pem("CERTIFICATE", &vec![0; megabyte]),
        ),
        (
            "a length",
            der::pem(
                "CERTIFICATE",
                &[&[0x30, 0x83, 0x0f, 0xff, 0xff][..], &vec![0x30; megabyte]].concat(),
            ),
        ),
        ("a certificate", fat.certificate_pem()),
        (
            "text before a certificate",
            format!("{}\n{good}", "x".repeat(megabyte)),
        ),
        (
            "text behind a certificate",
            format!("{good}{}", "x".repeat(megabyte)),
        ),
    ] {
        for (event, _) in SHAPES {
            let decision = setting.decide(event(&pem).to_string()).await;
            assert_eq!(decision, "deny certificate-unreadable", "{what}");
        }
    }
}

/// The first is the client's, whatever comes behind it.
#[tokio::test]
async fn ten_certificates() {
    let setting = Setting::start(&[]).await;
    let (good, revoked) = (
        setting.good.certificate_pem(),
        setting.revoked.certificate_pem(),
    );
    for (event, _) in SHAPES {
        for (pem, decision) in [
            (format!("{good}{}", revoked.repeat(9)), "allow not-revoked"),
            (format!("{revoked}{}", good.repeat(9)), "deny revoked"),
        ] {
            assert_eq!(setting.decide(event(&pem).to_string()).await, decision);
        }
    }
}

/// Whoever takes the first and whoever takes the last of two, one of them would be wrong.
#[tokio::test]
async fn duplicate_keys() {
    let setting = Setting::start(&[]).await;
    for (event, place) in SHAPES {
        let good = event(&setting.good.certificate_pem());
        let revoked = event(&setting.revoked.certificate_pem());
        for path in [
            &["requestContext"][..],
            &["requestContext", place],
            &["requestContext", place, "clientCert"],
            &["requestContext", place, "clientCert", "clientCertPem"],
        ] {
            let (key, holders) = path.split_last().unwrap();
            let member = |event: &Value| {
                let holder = holders.iter().fold(event, |value, key| &value[*key]);
                format!("{}:{}", json!(key), holder[*key])
            };
            for (first, second) in [(&good, &revoked), (&revoked, &good)] {
                let once = member(first);
                let text = first.to_string();
                assert_eq!(text.matches(&once).count(), 1);
                let twice = text.replace(&once, &format!("{once},{}", member(second)));
                let decision = setting.decide(twice).await;
                assert!(decision.starts_with("deny "), "{path:?}: {decision}");
                // The same key, written in another way.
                let escaped = member(second).replacen("\"c", "\"\\u0063", 1);
                let escaped = escaped.replacen("\"r", "\"\\u0072", 1);
                let twice = text.replace(&once, &format!("{once},{escaped}"));
                let decision = setting.decide(twice).await;
                assert!(decision.starts_with("deny "), "{path:?}: {decision}");
            }
        }
    }
    let v2 = events::http_api_v2(&setting.good.certificate_pem()).to_string();
    let twice = v2.replacen(
        "\"version\":\"2.0\"",
        "\"version\":\"2.0\",\"version\":\"1.0\"",
        1,
    );
    let decision = setting.decide(twice).await;
    assert!(decision.starts_with("deny "), "{decision}");
}

#[tokio::test]
async fn deep_nesting() {
    let setting = Setting::start(&[]).await;
    let levels = 500_000;
    let lists = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = format!("{}0{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    for (event, place) in SHAPES {
        let pem = setting.good.certificate_pem();
        for deep in [&lists, &objects] {
            for path in [
                &["deep"][..],
                &["headers", "deep"],
                &["requestContext", "deep"],
                &["requestContext", place, "deep"],
                &["requestContext", place, "clientCert", "validity"],
            ] {
                let text = with(event(&pem), path, deep);
                assert_eq!(setting.decide(text).await, "allow not-revoked", "{path:?}");
            }
            let path = ["requestContext", place, "clientCert", "clientCertPem"];
            let text = with(event(&pem), &path, deep);
            assert_eq!(setting.decide(text).await, "deny no-client-certificate");
            let text = with(event(&pem), &["requestContext"], deep);
            assert_eq!(setting.decide(text).await, "deny no-client-certificate");
        }
    }
}

/// Of octets that are no text nothing is read; escapes that are no text harm but the string that they are
/// in.
#[tokio::test]
async fn invalid_utf_8() {
    let setting = Setting::start(&[]).await;
    let octets: [&[u8]; 5] = [
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
    ];
    for (event, place) in SHAPES {
        let pem = setting.good.certificate_pem();
        let cert = ["requestContext", place, "clientCert", "clientCertPem"];
        for path in [
            &["headers", "x"][..],
            &["requestContext", "requestId"],
            &cert,
        ] {
            for octets in octets {
                let text = with(event(&pem), path, "\"MARK\"");
                let (before, after) = text.split_once("MARK").unwrap();
                let payload = [before.as_bytes(), octets, after.as_bytes()].concat();
                let decision = setting.decide(payload).await;
                assert_eq!(
                    decision, "deny no-client-certificate",
                    "{path:?} {octets:?}"
                );
            }
        }
        for half in ["\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\u0000\""] {
            for path in [&["headers", "x"][..], &["requestContext", "requestId"]] {
                let text = with(event(&pem), path, half);
                assert_eq!(setting.decide(text).await, "allow not-revoked", "{path:?}");
            }
            let text = with(event(&pem), &cert, half);
            let decision = setting.decide(text).await;
            assert!(decision.starts_with("deny "), "{half}: {decision}");
        }
        assert_eq!(
            setting.decide(event(&pem).to_string()).await,
            "allow not-revoked"
        );
    }
}

/// Of what is no JSON nothing is read, wherever the fault is: the certificate may well be before it.
#[tokio::test]
async fn no_json() {
    let setting = Setting::start(&[]).await;
    for (event, _) in SHAPES {
        let event = event(&setting.good.certificate_pem());
        let marked = with(event.clone(), &["headers", "x"], "MARK");
        let mut payloads = vec![
            String::new(),
            event.to_string().replacen('{', "", 1),
            event.to_string().trim_end_matches('}').to_owned(),
            format!("{event}}}"),
            format!("{event}{event}"),
        ];
        for invalid in [
            "",
            "nul",
            "[1,]",
            "{\"a\"}",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "01",
        ] {
            payloads.push(marked.replace("MARK", invalid));
        }
        for payload in payloads {
            let decision = setting.decide(payload.as_str()).await;
            assert_eq!(decision, "deny no-client-certificate", "{payload}");
        }
        let decision = setting.decide(format!("{event:#}\n")).await;
        assert_eq!(decision, "allow not-revoked");
    }
}

/// Wherever a client can write, it cannot write a certificate.
#[tokio::test]
async fn spoofed_certificates() {
    let setting = Setting::start(&[]).await;
    let good = setting.good.certificate_pem();
    let client_cert = json!({"clientCertPem": good});
    let forged = json!({
        "clientCertPem": good,
        "clientCert": client_cert,
        "authentication": {"clientCert": client_cert},
        "identity": {"clientCert": client_cert},
        "requestContext": {
            "authentication": {"clientCert": client_cert},
            "identity": {"clientCert": client_cert},
        },
        "version": "2.0",
    });
    for (event, own_place) in SHAPES {
        let revoked = event(&setting.revoked.certificate_pem());
        for (honest, decision) in [
            (revoked.clone(), "deny revoked"),
            (
                events::without_client_cert(revoked),
                "deny no-client-certificate",
            ),
        ] {
            for place in [
                "headers",
                "multiValueHeaders",
                "queryStringParameters",
                "multiValueQueryStringParameters",
                "pathParameters",
                "stageVariables",
                "body",
            ] {
                let mut event = honest.clone();
                event[place] = forged.clone();
                assert_eq!(setting.decide(event.to_string()).await, decision, "{place}");
                event[place] = json!(forged.to_string());
                assert_eq!(setting.decide(event.to_string()).await, decision, "{place}");
            }
            let mut event = honest.clone();
            event["cookies"] = json!([format!("clientCertPem={good}")]);
            event["rawQueryString"] = json!(format!("clientCertPem={good}"));
            event["clientCert"] = client_cert.clone();
            event["clientCertPem"] = json!(good);
            event["requestContext"]["clientCert"] = client_cert.clone();
            event["requestContext"]["authorizer"] = forged.clone();
            let others_place = match own_place {
                "identity" => "authentication",
                _ => "identity",
            };
            event["requestContext"][others_place] = json!({"clientCert": client_cert});
            assert_eq!(setting.decide(event.to_string()).await, decision);
        }
    }
}

/// One line for each denial, and what the client chose stands in it as text.
#[tokio::test]
async fn forged_log_lines() {
    let forgery = "x\"\n{\"fields\":{\"message\":\"decision\",\"decision\":\"allow\"}}\r\n\u{1b}[2J\u{2028}\0";
    let json_lines = Setting::start(&[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
    let text_lines = Setting::start(&[]).await;
    for setting in [&json_lines, &text_lines] {
        let mut expected = 0;
        for (event, _) in SHAPES {
            // By a CA of nobody, under a name that is a forgery too.
            let forger = Ca::root(forgery);
            let leaf = client(&forger, forgery);
            for pem in [leaf.certificate_pem(), forgery.to_owned()] {
                let mut event = event(&pem);
                event["requestContext"]["requestId"] = json!(forgery);
                let decision = setting.decide(event.to_string()).await;
                assert!(decision.starts_with("deny "), "{decision}");
                expected += 1;
            }
        }
        let lines = || {
            let logs = setting.authorizer.logs();
            let lines = logs.into_iter().filter(|line| line.contains("decision"));
            lines.collect::<Vec<_>>()
        };
        for _ in 0..1000 {
            if lines().len() >= expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(lines().len(), expected, "{:#?}", setting.authorizer.logs());
        for line in setting.authorizer.logs() {
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }
    for line in json_lines.authorizer.logs() {
        let line: Value = serde_json::from_str(&line).unwrap();
        let fields = &line["fields"];
        if fields["message"] == "decision" {
            assert_eq!(fields["decision"], "deny", "{line}");
            assert_eq!(fields["request_id"], forgery, "{line}");
        }
    }
    // Metrics are JSON in any log, and have nothing of an event in them.
    let is_metrics = |line: &String| line.contains("\"_aws\"");
    for line in text_lines.authorizer.logs() {
        if is_metrics(&line) {
            assert!(!line.contains("allow"), "{line}");
            continue;
        }
        assert!(line.starts_with(" INFO "), "{line}");
        assert!(!line.contains("decision=\"allow\""), "{line}");
    }
}

/// A policy is for the stage that API Gateway names, whatever path the client has asked for; an ARN that
/// API Gateway would not write allows nothing.
#[tokio::test]
async fn forged_policy_resources() {
    let setting = Setting::start(&[("RESPONSE_FORMAT", "iam")]).await;
    let stage = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod";
    for (event, _) in SHAPES {
        let event = event(&setting.good.certificate_pem());
        let member = match event.get("routeArn") {
            Some(_) => "routeArn",
            None => "methodArn",
        };
        let answer = async |arn: &str| {
            let mut event = event.clone();
            event[member] = json!(arn);
            let answer = setting.ask(event.to_string()).await.unwrap();
            let statements = answer["policyDocument"]["Statement"].clone();
            assert_eq!(statements.as_array().unwrap().len(), 1);
            let statement = &statements[0];
            (statement["Effect"].clone(), statement["Resource"].clone())
        };
        for path in [
            "GET/orders".to_owned(),
            "GET/*".to_owned(),
            "GET/../../other/prod/*".to_owned(),
            "GET/\",\"Effect\":\"Allow\",\"Resource\":\"*".to_owned(),
            "GET/\n\u{1b}[2J${aws:username}".to_owned(),
            "x/".repeat(100_000),
        ] {
            let expected = (json!("Allow"), json!(format!("{stage}/*")));
            assert_eq!(answer(&format!("{stage}/{path}")).await, expected, "{path}");
        }
        for arn in [
            "*",
            "arn:aws:execute-api:*:*:*/*/*/*",
            "arn:aws:execute-api:us-east-1:123456789012:*/prod/GET/",
            "arn:aws:execute-api:us-east-1:123456789012:abcdef123/*/GET/",
            "arn:aws:execute-api:us-east-1:123456789012:abcdef123/${stage}/GET/",
            "arn:aws:execute-api:us-east-1:123456789012:abcdef123/pr?d/GET/",
            "arn:aws:execute-api:us-east-1:123456789012:abcdef123\",\"x/prod/GET/",
            "arn:aws:s3:us-east-1:123456789012:abcdef123/prod/GET/",
        ] {
            let (effect, resource) = answer(arn).await;
            assert_eq!(effect, "Deny", "{arn}");
            assert_eq!(resource, "*", "{arn}");
        }
    }
}

/// An authorizer, and a client of either kind.
struct Setting {
    _deployment: Deployment,
    authorizer: Function,
    ca: Ca,
    good: Leaf,
    revoked: Leaf,
}

impl Setting {
    async fn start(variables: &[(&str, &str)]) -> Self {
        let ca = Ca::root("Issuing CA");
        let deployment = Deployment::start(&[&ca]).await;
        let (good, revoked) = (client(&ca, "good"), client(&ca, "revoked"));
        let crl = ca.crl().current().revoke(&revoked.serial());
        deployment.publish(&ca.crl_key(), crl.der());
        refresh(&deployment.fetcher().await).await;
        Self {
            authorizer: deployment.authorizer_with(variables).await,
            _deployment: deployment,
            ca,
            good,
            revoked,
        }
    }

    fn clients(&self) -> [(&Leaf, &'static str); 2] {
        [
            (&self.good, "allow not-revoked"),
            (&self.revoked, "deny revoked"),
        ]
    }

    /// The decision, in whatever form the answer is.
    async fn decide(&self, payload: impl Into<Vec<u8>>) -> String {
        let answer = self.ask(payload).await;
        let answer = answer.unwrap_or_else(|error| panic!("{error}"));
        let context = &answer["context"];
        let effect = context["decision"].as_str().unwrap();
        let authorized = answer["isAuthorized"].as_bool();
        let in_policy = answer["policyDocument"]["Statement"][0]["Effect"].as_str();
        assert!(
            match effect {
                "allow" => authorized == Some(true) || in_policy == Some("Allow"),
                _ => authorized == Some(false) || in_policy == Some("Deny"),
            },
            "{answer}"
        );
        format!("{effect} {}", context["reason"].as_str().unwrap())
    }

    /// An answer in time and without much memory.
    async fn ask(&self, payload: impl Into<Vec<u8>>) -> Result<Value, FunctionError> {
        let invocation = self.authorizer.invoke_bytes(payload).await;
        assert!(invocation.elapsed < MOST_TIME, "{:?}", invocation.elapsed);
        let memory = peak_memory_kib(self.authorizer.pid());
        assert!(memory.is_none_or(|kib| kib < MOST_KIB), "{memory:?} KiB");
        invocation.result
    }
}

/// The event as text, in which the member at this path is that JSON.
fn with(mut event: Value, path: &[&str], json: &str) -> String {
    let mark = "the place of something else";
    let place = path.iter().fold(&mut event, |value, key| &mut value[*key]);
    *place = json!(mark);
    let text = event.to_string();
    assert_eq!(text.matches(mark).count(), 1);
    text.replace(&format!("\"{mark}\""), json)
}

/// The most memory that a process has ever had; `None` where the kernel does not say.
fn peak_memory_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Of a debug build, on a busy machine. API Gateway waits that long.
const MOST_TIME: Duration = Duration::from_secs(10);
/// Less than the smallest function has.
const MOST_KIB: u64 = 100 << 10;
