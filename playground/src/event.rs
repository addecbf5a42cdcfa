//! What API Gateway makes of a request: the authorizer's event, the proxy event, and the answer.
//!
//! HTTP API, payload format 2.0, the `$default` route and stage.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hyper::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use serde_json::{Map, Value, json};
use testkit::events;
use time::OffsetDateTime;
use time::macros::format_description;

/// The authorizer's event for a request over a connection with this client certificate.
pub(crate) fn authorizer_event(
    request: &Parts,
    certificate_pem: &str,
    source: &Source<'_>,
) -> Value {
    let mut event = common(request, source);
    event.insert("type".to_owned(), json!("REQUEST"));
    event.insert(
        "routeArn".to_owned(),
        json!(format!("{API_ARN}/$default/$default")),
    );
    // No identity sources are configured: every request asks the authorizer.
    event.insert("identitySource".to_owned(), Value::Null);
    // The certificate's description is the same for every request that shows it.
    let mut described = events::http_api_v2(certificate_pem);
    let authentication = described["requestContext"]["authentication"].take();
    event["requestContext"]["authentication"] = authentication;
    Value::Object(event)
}

/// The proxy event for a request that was let in. `context` is what the authorizer gave along.
pub(crate) fn proxy_event(
    request: &Parts,
    body: &[u8],
    authentication: &Value,
    context: &Value,
    source: &Source<'_>,
) -> Value {
    let mut event = common(request, source);
    event["requestContext"]["authentication"] = authentication.clone();
    event["requestContext"]["authorizer"] = json!({"lambda": context});
    let text = std::str::from_utf8(body)
        .ok()
        .filter(|_| is_text(&request.headers));
    event.insert(
        "isBase64Encoded".to_owned(),
        json!(!body.is_empty() && text.is_none()),
    );
    match (body, text) {
        ([], _) => None,
        (_, Some(text)) => event.insert("body".to_owned(), json!(text)),
        (body, None) => event.insert("body".to_owned(), json!(BASE64.encode(body))),
    };
    Value::Object(event)
}

/// The HTTP answer that a function's answer stands for; `None` if it is none.
pub(crate) fn response(answer: &Value) -> Option<Response<Vec<u8>>> {
    let Some(status) = answer.get("statusCode") else {
        // Format 2.0: an answer without a status code is the body.
        return Some(json_response(StatusCode::OK, answer.to_string()));
    };
    let status = StatusCode::from_u16(u16::try_from(status.as_u64()?).ok()?).ok()?;
    let text = answer["body"].as_str().unwrap_or_default();
    let body = match answer["isBase64Encoded"].as_bool() {
        Some(true) => BASE64.decode(text).ok()?,
        _ => text.as_bytes().to_vec(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let name: HeaderName = name.parse().ok()?;
        response
            .headers_mut()
            .insert(name, HeaderValue::from_str(value.as_str()?).ok()?);
    }
    Some(response)
}

/// API Gateway's own answers.
pub(crate) fn message(status: StatusCode, message: &str) -> Response<Vec<u8>> {
    json_response(status, json!({"message": message}).to_string())
}

/// Where and when a request came in.
pub(crate) struct Source<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) source_ip: &'a str,
    pub(crate) port: u16,
    pub(crate) time: OffsetDateTime,
}

/// What both events have.
fn common(request: &Parts, source: &Source<'_>) -> Map<String, Value> {
    let path = request.uri.path();
    let headers = headers(&request.headers, source);
    let host = headers
        .get("host")
        .cloned()
        .unwrap_or_else(|| json!("localhost"));
    let context = json!({
        "accountId": ACCOUNT,
        "apiId": API,
        "domainName": host.as_str().and_then(|host| host.split(':').next()),
        "domainPrefix": "localhost",
        "http": {
            "method": request.method.as_str(),
            "path": path,
            "protocol": format!("{:?}", request.version),
            "sourceIp": source.source_ip,
            "userAgent": headers.get("user-agent").cloned().unwrap_or_else(|| json!("")),
        },
        "requestId": source.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": common_log_time(source.time),
        "timeEpoch": i64::try_from(source.time.unix_timestamp_nanos() / 1_000_000).ok(),
    });
    let mut event = Map::new();
    event.insert("version".to_owned(), json!("2.0"));
    event.insert("routeKey".to_owned(), json!("$default"));
    event.insert("rawPath".to_owned(), json!(path));
    event.insert(
        "rawQueryString".to_owned(),
        json!(request.uri.query().unwrap_or_default()),
    );
    if let Some(cookies) = cookies(&request.headers) {
        event.insert("cookies".to_owned(), cookies);
    }
    event.insert("headers".to_owned(), Value::Object(headers));
    if let Some(query) = request.uri.query() {
        event.insert(
            "queryStringParameters".to_owned(),
            query_string_parameters(query),
        );
    }
    event.insert("requestContext".to_owned(), context);
    event
}

/// Names in lower case, repeated ones joined by commas, without the cookies.
fn headers(headers: &HeaderMap, source: &Source<'_>) -> Map<String, Value> {
    let mut joined = Map::new();
    for name in headers.keys().filter(|name| **name != COOKIE) {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|v| String::from_utf8_lossy(v.as_bytes()))
            .collect();
        joined.insert(name.as_str().to_owned(), json!(values.join(",")));
    }
    joined.insert("x-forwarded-for".to_owned(), json!(source.source_ip));
    joined.insert(
        "x-forwarded-port".to_owned(),
        json!(source.port.to_string()),
    );
    joined.insert("x-forwarded-proto".to_owned(), json!("https"));
    joined
}

fn cookies(headers: &HeaderMap) -> Option<Value> {
    let values = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let cookies: Vec<_> = values.flat_map(|value| value.split("; ")).collect();
    (!cookies.is_empty()).then(|| json!(cookies))
}

/// Decoded, repeated ones joined by commas.
fn query_string_parameters(query: &str) -> Value {
    let mut joined = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match joined.get_mut(name.as_ref()) {
            Some(Value::String(values)) => {
                values.push(',');
                values.push_str(&value);
            }
            _ => {
                joined.insert(name.into_owned(), json!(value));
            }
        }
    }
    Value::Object(joined)
}

/// What API Gateway hands on as text; all else is Base64.
fn is_text(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    media_type.is_none_or(|media_type| {
        media_type.starts_with("text/")
            || [
                "application/json",
                "application/xml",
                "application/javascript",
            ]
            .iter()
            .any(|text| media_type.starts_with(text))
    })
}

/// `12/Mar/2020:19:03:58 +0000`
fn common_log_time(time: OffsetDateTime) -> String {
    let format =
        format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");
    time.format(format).unwrap_or_default()
}

fn json_response(status: StatusCode, body: String) -> Response<Vec<u8>> {
    let mut response = Response::new(body.into_bytes());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

const ACCOUNT: &str = "123456789012";
const API: &str = "playground";
const API_ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:playground";

#[cfg(test)]
mod tests {
    use hyper::Request;
    use serde_json::{Value, json};
    use testkit::pki::Ca;
    use time::macros::datetime;

    use super::*;

    const SOURCE: Source<'_> = Source {
        request_id: "id",
        source_ip: "127.0.0.1",
        port: 8443,
        time: datetime!(2020-03-12 19:03:58.390 UTC),
    };

    #[test]
    fn the_authorizer_event_is_the_documented_one() {
        let request = Request::post("/my/path?parameter1=value1&parameter1=value2&p2=a%20b+c")
            .header("host", "localhost:8443")
            .header("Header1", "value1")
            .header("header1", "value2")
            .header("cookie", "cookie1; cookie2")
            .header("user-agent", "agent");
        let leaf = Ca::root("Issuer").issue("client");
        let pem = leaf.certificate_pem();
        let event = authorizer_event(&request.body(()).unwrap().into_parts().0, &pem, &SOURCE);

        let client_cert = &event["requestContext"]["authentication"]["clientCert"];
        assert_eq!(client_cert["clientCertPem"], pem);
        assert_eq!(client_cert["subjectDN"], "C=US,O=Example,CN=client");
        let mut rest = event.clone();
        rest["requestContext"]
            .as_object_mut()
            .unwrap()
            .remove("authentication");
        let expected = json!({
            "version": "2.0",
            "type": "REQUEST",
            "routeArn": "arn:aws:execute-api:us-east-1:123456789012:playground/$default/$default",
            "identitySource": null,
            "routeKey": "$default",
            "rawPath": "/my/path",
            "rawQueryString": "parameter1=value1&parameter1=value2&p2=a%20b+c",
            "cookies": ["cookie1", "cookie2"],
            "headers": {
                "header1": "value1,value2",
                "host": "localhost:8443",
                "user-agent": "agent",
                "x-forwarded-for": "127.0.0.1",
                "x-forwarded-port": "8443",
                "x-forwarded-proto": "https",
            },
            "queryStringParameters": {"parameter1": "value1,value2", "p2": "a b c"},
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "playground",
                "domainName": "localhost",
                "domainPrefix": "localhost",
                "http": {
                    "method": "POST",
                    "path": "/my/path",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "agent",
                },
                "requestId": "id",
                "routeKey": "$default",
                "stage": "$default",
                "time": "12/Mar/2020:19:03:58 +0000",
                "timeEpoch": 1_584_039_838_390_i64,
            },
        });
        assert_eq!(rest, expected);
    }

    #[test]
    fn the_proxy_event_carries_the_authorizer_context_and_the_body() {
        let event = |media_type: &str, body: &[u8]| {
            let request = Request::post("/")
                .header("content-type", media_type)
                .body(())
                .unwrap();
            let context = json!({"reason": "not-revoked"});
            proxy_event(
                &request.into_parts().0,
                body,
                &Value::Null,
                &context,
                &SOURCE,
            )
        };
        let text = event("application/json", b"{}");
        assert_eq!(
            text["requestContext"]["authorizer"]["lambda"]["reason"],
            "not-revoked"
        );
        assert_eq!(
            (&text["body"], &text["isBase64Encoded"]),
            (&json!("{}"), &json!(false))
        );
        let binary = event("image/png", b"\xff");
        assert_eq!(
            (&binary["body"], &binary["isBase64Encoded"]),
            (&json!("/w=="), &json!(true))
        );
        assert_eq!(event("image/png", b"").get("body"), None);
    }

    #[test]
    fn answers_are_read_as_format_2_0_says() {
        let answer = json!({
            "statusCode": 201,
            "headers": {"x-one": "1"},
            "body": "aGk=",
            "isBase64Encoded": true,
        });
        let created = response(&answer).unwrap();
        assert_eq!(created.status(), StatusCode::CREATED);
        assert_eq!(created.headers()["x-one"], "1");
        assert_eq!(created.body(), b"hi");
        let inferred = response(&json!({"a": 1})).unwrap();
        assert_eq!(inferred.status(), StatusCode::OK);
        assert_eq!(inferred.body(), b"{\"a\":1}");
        assert!(response(&json!({"statusCode": "two hundred"})).is_none());
    }
}
