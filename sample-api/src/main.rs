//! The API behind the authorizer: answers a proxy event of an HTTP API or a REST API with what it was
//! asked.
//!
//! It shows a backend what it gets to see once the authorizer has let a client in: the context the
//! authorizer gave stands in `requestContext.authorizer.lambda`, for a REST API one level higher.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        Ok::<_, Error>(echo(&event.payload))
    }))
    .await
}

/// The proxy response, good for both payload formats, that tells what the request was.
fn echo(event: &Value) -> Value {
    let context = &event["requestContext"];
    let body = json!({
        "method": either(&context["http"]["method"], &event["httpMethod"]),
        "path": either(&event["rawPath"], &event["path"]),
        "query": either(&event["rawQueryString"], &event["queryStringParameters"]),
        "headers": event["headers"],
        "authorizer": either(&context["authorizer"]["lambda"], &context["authorizer"]),
        "body": event["body"],
        "isBase64Encoded": event["isBase64Encoded"],
    });
    json!({
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": body.to_string(),
        "isBase64Encoded": false,
    })
}

fn either<'a>(http_api: &'a Value, rest_api: &'a Value) -> &'a Value {
    if http_api.is_null() {
        rest_api
    } else {
        http_api
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::echo;

    #[test]
    fn the_body_tells_the_request_and_the_authorizer_context() {
        let answer = echo(&json!({
            "version": "2.0",
            "rawPath": "/hello",
            "rawQueryString": "a=1",
            "headers": {"host": "localhost"},
            "requestContext": {
                "http": {"method": "POST"},
                "authorizer": {"lambda": {"subject": "CN=alice"}},
            },
            "body": "aGk=",
            "isBase64Encoded": true,
        }));
        assert_eq!(answer["statusCode"], 200);
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        let expected = json!({
            "method": "POST",
            "path": "/hello",
            "query": "a=1",
            "headers": {"host": "localhost"},
            "authorizer": {"subject": "CN=alice"},
            "body": "aGk=",
            "isBase64Encoded": true,
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn a_rest_api_is_answered_the_same() {
        let answer = echo(&json!({
            "httpMethod": "GET",
            "path": "/hello",
            "queryStringParameters": {"a": "1"},
            "headers": null,
            "requestContext": {"authorizer": {"principalId": "p", "subject": "CN=alice"}},
            "body": null,
            "isBase64Encoded": false,
        }));
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        let expected = json!({
            "method": "GET",
            "path": "/hello",
            "query": {"a": "1"},
            "headers": null,
            "authorizer": {"principalId": "p", "subject": "CN=alice"},
            "body": null,
            "isBase64Encoded": false,
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn an_odd_event_is_answered_too() {
        assert_eq!(echo(&json!({}))["statusCode"], 200);
    }
}
