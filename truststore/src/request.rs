//! A custom resource's event → [`Request`], and its properties → [`Properties`].
//!
//! The event is read field by field: one that is odd must still be answered, or its stack waits for
//! an hour.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use serde_json::Value;

/// What CloudFormation asks for, and where it waits for the answer.
#[derive(Clone, Debug)]
pub struct Request {
    /// Create, Update or Delete.
    pub request_type: RequestType,
    /// Where the answer goes.
    pub response_url: ResponseUrl,
    /// Copied to the answer.
    pub request_id: String,
    /// Copied to the answer.
    pub stack_id: String,
    /// The resource's name in the template. Copied to the answer.
    pub logical_resource_id: String,
    /// What an earlier answer called the resource. A Create has none.
    pub physical_resource_id: Option<String>,
    /// What the template says of the resource: see [`Properties::read`].
    pub resource_properties: Value,
}

/// `RequestType`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestType {
    /// The resource is new.
    Create,
    /// It goes away.
    Delete,
    /// Its properties have changed.
    Update,
    /// Anything else, or nothing.
    Unknown(String),
}

/// A presigned URL. Whoever knows it can answer in the function's place, so it is never shown.
#[derive(Clone)]
pub struct ResponseUrl(pub(crate) Uri);

/// What is to be where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Properties {
    /// Where the truststore goes.
    pub location: Location,
    /// PEM texts.
    pub certificates: Vec<String>,
}

/// An object in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
}

impl Request {
    /// Reads an event. What is missing is empty.
    ///
    /// # Errors
    /// There is no URL to answer at, so that nobody would ever learn what else is wrong.
    pub fn read(event: &Value) -> Result<Self, NoResponseUrl> {
        let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
        let response_url = text("ResponseURL").and_then(|url| Uri::from_str(&url).ok());
        let response_url = response_url
            .filter(|url| matches!(url.scheme_str(), Some("http" | "https")))
            .ok_or(NoResponseUrl)?;
        Ok(Self {
            request_type: RequestType::read(text("RequestType").unwrap_or_default()),
            response_url: ResponseUrl(response_url),
            request_id: text("RequestId").unwrap_or_default(),
            stack_id: text("StackId").unwrap_or_default(),
            logical_resource_id: text("LogicalResourceId").unwrap_or_default(),
            physical_resource_id: text("PhysicalResourceId").filter(|id| !id.is_empty()),
            resource_properties: event.get("ResourceProperties").cloned().unwrap_or_default(),
        })
    }
}

impl RequestType {
    fn read(text: String) -> Self {
        match text.as_str() {
            "Create" => Self::Create,
            "Delete" => Self::Delete,
            "Update" => Self::Update,
            _ => Self::Unknown(text),
        }
    }
}

impl fmt::Display for RequestType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "Create",
            Self::Delete => "Delete",
            Self::Update => "Update",
            Self::Unknown(text) => text,
        })
    }
}

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseUrl(..)")
    }
}

impl Properties {
    /// Reads `ResourceProperties`: `Bucket`, `Key` and `Certificates`. Any other is ignored; a
    /// single text in the place of the list is a list of one.
    ///
    /// # Errors
    /// Everything that is missing or wrong.
    pub fn read(properties: &Value) -> Result<Self, PropertiesError> {
        let mut problems = Vec::new();
        let mut name = |property: &'static str, is_valid: fn(&str) -> bool, rule: &'static str| {
            match properties.get(property) {
                None | Some(Value::Null) => {
                    problems.push(format!("{property} is missing: it must be {rule}"));
                }
                Some(Value::String(name)) if is_valid(name) => return name.clone(),
                Some(_) => problems.push(format!("{property} must be {rule}")),
            }
            String::new()
        };
        let location = Location {
            bucket: name("Bucket", is_bucket_name, BUCKET_RULE),
            key: name("Key", is_key, KEY_RULE),
        };
        let certificates = match properties.get("Certificates") {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(items)) => {
                let texts = items.iter().enumerate().map(|(index, item)| {
                    item.as_str().map_or_else(
                        || {
                            problems.push(format!(
                                "item {} of Certificates must be a PEM text",
                                index + 1
                            ));
                            String::new()
                        },
                        str::to_owned,
                    )
                });
                texts.collect()
            }
            _ => {
                problems.push("Certificates must be a list of PEM texts".to_owned());
                Vec::new()
            }
        };
        if problems.is_empty() {
            Ok(Self {
                location,
                certificates,
            })
        } else {
            Err(PropertiesError { problems })
        }
    }
}

impl Location {
    /// What CloudFormation calls the resource. An Update that changes it is a replacement: the
    /// Delete of the old one follows.
    pub fn physical_resource_id(&self) -> String {
        format!("{}/{}", self.bucket, self.key)
    }

    /// The object of a physical resource id; `None` for an id that is not one of ours.
    pub fn from_physical_resource_id(id: &str) -> Option<Self> {
        let (bucket, key) = id.split_once('/')?;
        (is_bucket_name(bucket) && is_key(key) && !is_log_stream(id)).then(|| Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

fn is_bucket_name(name: &str) -> bool {
    let is_end = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_alphanumeric);
    let octets = name.as_bytes();
    (3..=63).contains(&octets.len())
        && is_end(octets.first())
        && is_end(octets.last())
        && octets
            .iter()
            .all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
}

/// `YYYY/MM/DD/[VERSION]…`: what AWS's own code for custom resources, and with it the function that
/// this one may have taken the place of, calls every resource.
fn is_log_stream(id: &str) -> bool {
    let pattern = b"0000/00/00/[";
    let is_like = |(octet, pattern): (u8, &u8)| match pattern {
        b'0' => octet.is_ascii_digit(),
        _ => octet == *pattern,
    };
    id.len() > pattern.len() && id.bytes().zip(pattern).all(is_like)
}

/// S3 takes up to 1024 octets of any kind, but an answer names the key three times and has 4096 for
/// everything.
fn is_key(key: &str) -> bool {
    let is_escaped = |char: char| char.is_control() || matches!(char, '"' | '\\');
    (1..=MAX_KEY_OCTETS).contains(&key.len()) && !key.chars().any(is_escaped)
}

const MAX_KEY_OCTETS: usize = 512;

const BUCKET_RULE: &str = "the name of a bucket: 3 to 63 small letters, digits, dots and hyphens";

const KEY_RULE: &str = "the key of an object: 1 to 512 octets, no control characters, \
                        quotation marks or backslashes";

/// The event has no `ResponseURL` that a request could be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoResponseUrl;

impl fmt::Display for NoResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the event has no usable ResponseURL: this function is a CloudFormation custom resource \
             and answers no other caller",
        )
    }
}

impl std::error::Error for NoResponseUrl {}

/// What is wrong with the properties, one clause a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertiesError {
    /// In the order Bucket, Key, Certificates.
    pub problems: Vec<String>,
}

impl fmt::Display for PropertiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("; "))
    }
}

impl std::error::Error for PropertiesError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn only_an_event_without_a_url_cannot_be_answered() {
        for url in [
            json!(null),
            json!(1),
            json!(""),
            json!("ftp://host/"),
            json!("/path"),
        ] {
            let event = json!({"RequestType": "Create", "ResponseURL": url});
            assert_eq!(Request::read(&event).unwrap_err(), NoResponseUrl, "{event}");
        }
        let request = Request::read(&json!({"ResponseURL": "https://host/a%7Cb?c=d"})).unwrap();
        assert_eq!(request.request_type, RequestType::Unknown(String::new()));
        assert_eq!(request.response_url.0.to_string(), "https://host/a%7Cb?c=d");
        assert!(!format!("{request:?}").contains("host"), "{request:?}");
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let problems = |properties: Value| Properties::read(&properties).unwrap_err().problems;
        assert_eq!(problems(json!(null)).len(), 3);
        assert_eq!(
            problems(json!({"Bucket": "Upper", "Key": "", "Certificates": {}})).len(),
            3
        );
        let items = json!({"Bucket": "bucket", "Key": "key", "Certificates": ["a", 1, null]});
        assert_eq!(
            problems(items),
            [
                "item 2 of Certificates must be a PEM text",
                "item 3 of Certificates must be a PEM text"
            ]
        );
    }

    #[test]
    fn one_text_is_a_list_of_one() {
        let properties = json!({"Bucket": "bucket", "Key": "a/b", "Certificates": "pem"});
        let properties = Properties::read(&properties).unwrap();
        assert_eq!(properties.certificates, ["pem"]);
        assert_eq!(properties.location.physical_resource_id(), "bucket/a/b");
    }

    #[test]
    fn ids_that_are_not_ours_name_no_object() {
        for id in [
            "",
            "not-created",
            "stack-Truststore-1ABCDEF",
            "/key",
            "bucket/",
            "Bucket/key",
            "2026/11/01/\n",
            "2026/11/01/[$LATEST]0123456789abcdef",
        ] {
            assert_eq!(Location::from_physical_resource_id(id), None, "{id}");
        }
    }

    proptest! {
        #[test]
        fn an_id_names_the_object_it_was_made_of(
            bucket in "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
            key in "[^\\p{Cc}\"\\\\]{1,128}",
        ) {
            let location = Location { bucket, key };
            let id = location.physical_resource_id();
            prop_assert!(id.len() <= 1024);
            prop_assert_eq!(Location::from_physical_resource_id(&id), Some(location));
        }
    }
}
