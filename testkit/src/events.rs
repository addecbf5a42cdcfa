//! The events that reach the Lambdas, as AWS builds them.
//!
//! Where AWS's documents contradict each other (`serialNumber`), an event follows what real ones
//! showed: decimal, without padding. Fields that only a readable certificate can give fall back to
//! the documents' sample values, so that an event can be built around any text.

use num_bigint::BigUint;
use serde_json::{Value, json};
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::pem::parse_x509_pem;
use x509_parser::x509::X509Name;

/// An HTTP API's authorizer event, payload format 2.0.
pub fn http_api_v2(certificate_pem: &str) -> Value {
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:us-east-1:123456789012:abcdef123/$default/GET/orders",
        "identitySource": null,
        "routeKey": "$default",
        "rawPath": "/orders",
        "rawQueryString": "limit=10",
        "headers": {
            "accept": "*/*",
            "content-length": "0",
            "host": "api.example.com",
            "user-agent": "curl/8.9.1",
            "x-amzn-trace-id": "Root=1-69213f9f-0f2f4a2d1c9d6f6e5b3a7c11",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https"
        },
        "queryStringParameters": {"limit": "10"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdef123",
            "authentication": {"clientCert": client_cert(certificate_pem)},
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": "GET",
                "path": "/orders",
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "curl/8.9.1"
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1_793_534_400_000_u64
        }
    })
}

/// An HTTP API's authorizer event, payload format 1.0.
pub fn http_api_v1(certificate_pem: &str) -> Value {
    json!({
        "version": "1.0",
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/GET/orders",
        "identitySource": "",
        "authorizationToken": "",
        "resource": "/orders",
        "path": "/orders",
        "httpMethod": "GET",
        "headers": {
            "Accept": "*/*",
            "Host": "api.example.com",
            "User-Agent": "curl/8.9.1",
            "X-Forwarded-For": "203.0.113.7",
            "X-Forwarded-Port": "443",
            "X-Forwarded-Proto": "https"
        },
        "queryStringParameters": {"limit": "10"},
        "pathParameters": {},
        "stageVariables": {},
        "requestContext": {
            "path": "/orders",
            "accountId": "123456789012",
            "resourceId": "05c7jb",
            "stage": "prod",
            "requestId": "JKJaXmPLvHcESHA=",
            "identity": {
                "apiKey": null,
                "sourceIp": "203.0.113.7",
                "clientCert": client_cert(certificate_pem)
            },
            "resourcePath": "/orders",
            "httpMethod": "GET",
            "apiId": "abcdef123"
        }
    })
}

/// A REST API's event for an authorizer of type REQUEST, with the fields real ones have beyond the
/// documented ones.
pub fn rest_request(certificate_pem: &str) -> Value {
    json!({
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/GET/orders",
        "resource": "/orders",
        "path": "/orders",
        "httpMethod": "GET",
        "headers": {
            "Accept": "*/*",
            "Host": "api.example.com",
            "User-Agent": "curl/8.9.1",
            "X-Amzn-Trace-Id": "Root=1-69213f9f-0f2f4a2d1c9d6f6e5b3a7c11",
            "X-Forwarded-For": "203.0.113.7",
            "X-Forwarded-Port": "443",
            "X-Forwarded-Proto": "https"
        },
        "multiValueHeaders": {
            "Accept": ["*/*"],
            "Host": ["api.example.com"],
            "User-Agent": ["curl/8.9.1"],
            "X-Amzn-Trace-Id": ["Root=1-69213f9f-0f2f4a2d1c9d6f6e5b3a7c11"],
            "X-Forwarded-For": ["203.0.113.7"],
            "X-Forwarded-Port": ["443"],
            "X-Forwarded-Proto": ["https"]
        },
        "queryStringParameters": {"limit": "10"},
        "multiValueQueryStringParameters": {"limit": ["10"]},
        "pathParameters": {},
        "stageVariables": {},
        "requestContext": {
            "resourceId": "05c7jb",
            "resourcePath": "/orders",
            "operationName": "listOrders",
            "httpMethod": "GET",
            "extendedRequestId": "JKJaXFPLvHcEVMg=",
            "requestTime": "01/Nov/2026:12:00:00 +0000",
            "path": "/orders",
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
            "stage": "prod",
            "domainPrefix": "api",
            "requestTimeEpoch": 1_793_534_400_000_u64,
            "requestId": "0f5e6d0e-3c8f-4b5c-9d53-2a9c3b1f7e64",
            "identity": {
                "cognitoIdentityPoolId": null,
                "accountId": null,
                "cognitoIdentityId": null,
                "caller": null,
                "sourceIp": "203.0.113.7",
                "principalOrgId": null,
                "accessKey": null,
                "cognitoAuthenticationType": null,
                "cognitoAuthenticationProvider": null,
                "userArn": null,
                "userAgent": "curl/8.9.1",
                "user": null,
                "clientCert": client_cert(certificate_pem)
            },
            "domainName": "api.example.com",
            "deploymentId": "4pkz2q",
            "apiId": "abcdef123"
        }
    })
}

/// What the function behind an HTTP API gets, payload format 2.0, for a request that an authorizer let
/// in with this context.
pub fn http_api_proxy(certificate_pem: &str, context: &Value) -> Value {
    let mut event = http_api_v2(certificate_pem);
    for of_the_authorizer in ["type", "routeArn", "identitySource"] {
        remove(&mut event, of_the_authorizer);
    }
    event["requestContext"]["authorizer"] = json!({"lambda": context});
    event["isBase64Encoded"] = json!(false);
    event
}

/// The same behind a REST API, where the principal stands among the authorizer's context.
pub fn rest_proxy(certificate_pem: &str, principal_id: &str, context: &Value) -> Value {
    let mut event = rest_request(certificate_pem);
    for of_the_authorizer in ["type", "methodArn"] {
        remove(&mut event, of_the_authorizer);
    }
    event["resource"] = json!("/{proxy+}");
    event["pathParameters"] = json!({"proxy": "orders"});
    event["requestContext"]["authorizer"] = context.clone();
    event["requestContext"]["authorizer"]["principalId"] = json!(principal_id);
    event["body"] = json!(null);
    event["isBase64Encoded"] = json!(false);
    event
}

fn remove(event: &mut Value, member: &str) {
    if let Some(members) = event.as_object_mut() {
        members.remove(member);
    }
}

/// The same authorizer event as it comes by a way without mutual TLS: nothing about a certificate.
pub fn without_client_cert(mut event: Value) -> Value {
    let context = &mut event["requestContext"];
    if let Some(fields) = context.as_object_mut() {
        fields.remove("authentication");
    }
    if let Some(identity) = context.get_mut("identity").and_then(Value::as_object_mut) {
        identity.remove("clientCert");
    }
    event
}

/// What EventBridge Scheduler sends when a schedule has no input of its own.
pub fn schedule() -> Value {
    json!({
        "version": "0",
        "id": "2f1c7a0e-6d0b-4a5e-9f64-5b7d7c0c9e11",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "123456789012",
        "time": "2026-11-01T12:00:00Z",
        "region": "us-east-1",
        "resources": ["arn:aws:scheduler:us-east-1:123456789012:schedule/default/crl-fetcher"],
        "detail": "{}"
    })
}

/// EventBridge, as AWS Private CA announces that it has revoked a certificate (its detail type is "ACM
/// Private CA Certificate Revocation"). `serial` is the last part of the certificate's ARN.
pub fn certificate_revocation(ca_id: &str, serial: &str) -> Value {
    let ca = format!("arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/{ca_id}");
    let certificate = format!("{ca}/certificate/{serial}");
    json!({
        "version": "0",
        "id": "247b9dcb-1f62-b23a-2195-790f1a2b3c4d",
        "detail-type": "ACM Private CA Certificate Revocation",
        "source": "aws.acm-pca",
        "account": "123456789012",
        "time": "2026-11-05T20:25:19Z",
        "region": "us-east-1",
        "resources": [ca, certificate],
        "detail": {"result": "success"},
    })
}

/// EventBridge's "Object Created" of S3; the key is as it is.
pub fn object_created(bucket: &str, key: &str) -> Value {
    json!({
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-11-01T12:00:00Z",
        "region": "us-east-1",
        "resources": [format!("arn:aws:s3:::{bucket}")],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {
                "key": key,
                "size": 1024,
                "etag": "b1946ac92492d2347c6235b4d2611184",
                "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
                "sequencer": "00617F08299329D189"
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "acm-pca.amazonaws.com",
            "reason": "PutObject"
        }
    })
}

/// S3's own notification; the key is URL-encoded, as S3 does it.
pub fn s3_notification(bucket: &str, key: &str) -> Value {
    json!({
        "Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": "us-east-1",
            "eventTime": "2026-11-01T12:00:00.000Z",
            "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
            "requestParameters": {"sourceIPAddress": "acm-pca.amazonaws.com"},
            "responseElements": {
                "x-amz-request-id": "C3D13FE58DE4C810",
                "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD"
            },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "crl-written",
                "bucket": {
                    "name": bucket,
                    "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                    "arn": format!("arn:aws:s3:::{bucket}")
                },
                "object": {
                    "key": url_encoded(key),
                    "size": 1024,
                    "eTag": "b1946ac92492d2347c6235b4d2611184",
                    "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                    "sequencer": "0055AED6DCD90281E5"
                }
            }
        }]
    })
}

/// What S3 sends once, when a notification is configured.
pub fn s3_test_event(bucket: &str) -> Value {
    json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-11-01T12:00:00.000Z",
        "Bucket": bucket,
        "RequestId": "5582815E1AEA5ADF",
        "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE"
    })
}

/// CloudFormation's first request to a custom resource.
pub fn custom_resource_create(response_url: &str, properties: &Value) -> Value {
    custom_resource("Create", response_url, properties)
}

/// CloudFormation's request to a custom resource whose properties have changed, the way back of an
/// update that failed included.
pub fn custom_resource_update(
    response_url: &str,
    physical_resource_id: &str,
    properties: &Value,
    old_properties: &Value,
) -> Value {
    let mut event = custom_resource("Update", response_url, properties);
    event["PhysicalResourceId"] = json!(physical_resource_id);
    event["OldResourceProperties"] = with_service_token(old_properties);
    event
}

/// CloudFormation's last request to a custom resource: of its stack, of the clean-up after a
/// replacement, or of the way back of a creation that failed.
pub fn custom_resource_delete(
    response_url: &str,
    physical_resource_id: &str,
    properties: &Value,
) -> Value {
    let mut event = custom_resource("Delete", response_url, properties);
    event["PhysicalResourceId"] = json!(physical_resource_id);
    event
}

fn custom_resource(request_type: &str, response_url: &str, properties: &Value) -> Value {
    json!({
        "RequestType": request_type,
        "ServiceToken": SERVICE_TOKEN,
        "ResponseURL": response_url,
        "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/crl-authorizer/\
                    51af3dc0-da77-11e4-872e-1234567db123",
        "RequestId": "8f7a5d2c-6e0b-4b0a-9b39-2f8f1c1f0c11",
        "LogicalResourceId": "Truststore",
        "ResourceType": "Custom::Truststore",
        "ResourceProperties": with_service_token(properties)
    })
}

/// CloudFormation turns every scalar into a string.
fn with_service_token(properties: &Value) -> Value {
    let mut properties = properties.clone();
    if let Some(properties) = properties.as_object_mut() {
        properties.insert("ServiceToken".to_owned(), json!(SERVICE_TOKEN));
        properties.insert("ServiceTimeout".to_owned(), json!("120"));
    }
    properties
}

const SERVICE_TOKEN: &str = "arn:aws:lambda:us-east-1:123456789012:function:truststore";

fn client_cert(certificate_pem: &str) -> Value {
    let pem = parse_x509_pem(certificate_pem.as_bytes());
    let certificate = pem.as_ref().ok().and_then(|(_, pem)| pem.parse_x509().ok());
    let Some(certificate) = certificate else {
        return json!({
            "clientCertPem": certificate_pem,
            "subjectDN": "www.example.com",
            "issuerDN": "Example issuer",
            "serialNumber": "1",
            "validity": {
                "notBefore": "May 28 12:30:02 2019 GMT",
                "notAfter": "Aug  5 09:36:04 2021 GMT"
            }
        });
    };
    json!({
        "clientCertPem": certificate_pem,
        "subjectDN": distinguished_name(certificate.subject()),
        "issuerDN": distinguished_name(certificate.issuer()),
        "serialNumber": serial_number(&certificate),
        "validity": {
            "notBefore": openssl_date(certificate.validity().not_before.to_datetime()),
            "notAfter": openssl_date(certificate.validity().not_after.to_datetime())
        }
    })
}

/// In the certificate's order, without spaces behind the commas: `C=US,O=Example,CN=client`.
fn distinguished_name(name: &X509Name<'_>) -> String {
    let attributes: Vec<String> = name
        .iter_attributes()
        .map(|attribute| {
            let kind = oid2abbrev(attribute.attr_type(), oid_registry()).unwrap_or("OID");
            format!("{kind}={}", attribute.as_str().unwrap_or_default())
        })
        .collect();
    attributes.join(",")
}

fn serial_number(certificate: &X509Certificate<'_>) -> String {
    BigUint::from_bytes_be(certificate.raw_serial()).to_string()
}

/// `Aug  5 00:28:21 2120 GMT`: the day is padded with a space.
fn openssl_date(date: OffsetDateTime) -> String {
    let month = date.month().to_string();
    format!(
        "{} {:>2} {:02}:{:02}:{:02} {} GMT",
        &month[..3],
        date.day(),
        date.hour(),
        date.minute(),
        date.second(),
        date.year()
    )
}

/// Form encoding, except that the slashes of a key stay.
fn url_encoded(key: &str) -> String {
    key.bytes()
        .map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => {
                char::from(octet).to_string()
            }
            b' ' => "+".to_owned(),
            _ => format!("%{octet:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{Ca, LeafOptions};

    #[test]
    fn client_cert_describes_the_certificate_as_api_gateway_does() {
        let leaf = Ca::root("Issuing CA").issue_with(
            "Client, the 7th",
            LeafOptions {
                serial: vec![0xff; 16].into(),
                not_before: 1_785_888_501,
                not_after: 4_741_806_501,
                ..LeafOptions::default()
            },
        );
        let expected = json!({
            "clientCertPem": leaf.certificate_pem(),
            "subjectDN": "C=US,O=Example,CN=Client, the 7th",
            "issuerDN": "C=US,O=Example,CN=Issuing CA",
            "serialNumber": "340282366920938463463374607431768211455",
            "validity": {
                "notBefore": "Aug  5 00:08:21 2026 GMT",
                "notAfter": "Apr  6 00:28:21 2120 GMT"
            }
        });
        let pem = leaf.certificate_pem();
        assert_eq!(
            http_api_v2(&pem)["requestContext"]["authentication"]["clientCert"],
            expected
        );
        assert_eq!(
            http_api_v1(&pem)["requestContext"]["identity"]["clientCert"],
            expected
        );
        assert_eq!(
            rest_request(&pem)["requestContext"]["identity"]["clientCert"],
            expected
        );
    }

    #[test]
    fn an_event_can_carry_what_is_no_certificate() {
        let event = http_api_v2("garbage");
        let client_cert = &event["requestContext"]["authentication"]["clientCert"];
        assert_eq!(client_cert["clientCertPem"], "garbage");
        assert_eq!(client_cert["serialNumber"], "1");
    }

    #[test]
    fn without_mutual_tls_nothing_tells_of_a_certificate() {
        let pem = Ca::root("Root").issue("client").certificate_pem();
        for event in [http_api_v2(&pem), http_api_v1(&pem), rest_request(&pem)] {
            assert!(event.to_string().contains("clientCert"));
            assert!(
                !without_client_cert(event)
                    .to_string()
                    .contains("clientCert")
            );
        }
    }

    #[test]
    fn only_s3_itself_encodes_the_key() {
        let key = "crl/red flower+ü.crl";
        let encoded = "crl/red+flower%2B%C3%BC.crl";
        let record = &s3_notification("crl-bucket", key)["Records"][0]["s3"];
        assert_eq!(record["object"]["key"], encoded);
        assert_eq!(record["bucket"]["arn"], "arn:aws:s3:::crl-bucket");
        let event = object_created("crl-bucket", key);
        assert_eq!(event["detail"]["object"]["key"], key);
    }
}
