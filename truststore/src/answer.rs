//! The answer to CloudFormation, as it is sent.

use serde_json::{Map, Value, json};

use crate::request::{Location, Request};

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The truststore is as the request wants it.
    Success {
        /// What CloudFormation calls the resource from now on.
        physical_resource_id: String,
        /// What the template can refer to with `!GetAtt`; nothing after a Delete.
        attributes: Option<Attributes>,
    },
    /// It is not.
    Failed {
        /// What CloudFormation calls the resource from now on.
        physical_resource_id: String,
        /// What is wrong and how to put it right.
        reason: String,
    },
}

/// `Data` of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// `Bucket`, `Key` and `Uri`.
    pub location: Location,
    /// `Version`: the version of the object, which the API's domain name is to be given too.
    pub version: String,
    /// `Certificates`: how many there are in it.
    pub certificates: usize,
}

impl Answer {
    /// The JSON for CloudFormation, of at most [`MAX_OCTETS`]: a reason is cut to what is left of
    /// them.
    pub fn to_body(&self, request: &Request) -> String {
        match self {
            Self::Success {
                physical_resource_id,
                attributes,
            } => {
                let mut fields = fields("SUCCESS", physical_resource_id, request);
                if let Some(attributes) = attributes {
                    fields.insert("Data".to_owned(), attributes.to_json());
                }
                Value::Object(fields).to_string()
            }
            Self::Failed {
                physical_resource_id,
                reason,
            } => {
                let body_with = |reason: &str| {
                    let mut fields = fields("FAILED", physical_resource_id, request);
                    fields.insert("Reason".to_owned(), json!(reason));
                    Value::Object(fields).to_string()
                };
                let body = body_with(reason);
                if body.len() <= MAX_OCTETS {
                    return body;
                }
                let left = MAX_OCTETS.saturating_sub(body_with(CUT).len());
                body_with(&format!("{}{CUT}", fitting(reason, left)))
            }
        }
    }

    /// What CloudFormation calls the resource from now on.
    pub fn physical_resource_id(&self) -> &str {
        match self {
            Self::Success {
                physical_resource_id,
                ..
            }
            | Self::Failed {
                physical_resource_id,
                ..
            } => physical_resource_id,
        }
    }
}

impl Attributes {
    fn to_json(&self) -> Value {
        let Location { bucket, key } = &self.location;
        json!({
            "Bucket": bucket,
            "Key": key,
            "Version": self.version,
            "Uri": self.location.to_string(),
            "Certificates": self.certificates.to_string()
        })
    }
}

fn fields(status: &str, physical_resource_id: &str, request: &Request) -> Map<String, Value> {
    [
        ("Status", status),
        ("RequestId", &request.request_id),
        ("StackId", &request.stack_id),
        ("LogicalResourceId", &request.logical_resource_id),
        ("PhysicalResourceId", physical_resource_id),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), json!(value)))
    .collect()
}

/// The longest beginning of a text that has at most so many octets in JSON.
fn fitting(text: &str, octets: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find(|(_, char)| {
        // Without its quotation marks.
        taken += json!(char.to_string()).to_string().len() - 2;
        taken > octets
    });
    end.map_or(text, |(end, _)| &text[..end])
}

/// CloudFormation takes no longer answer.
pub const MAX_OCTETS: usize = 4096;

const CUT: &str = " …";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request() -> Request {
        let event = json!({
            "RequestType": "Create",
            "RequestId": "request",
            "StackId": "stack",
            "LogicalResourceId": "Truststore",
            "ResponseURL": "https://host/"
        });
        Request::read(&event).unwrap()
    }

    #[test]
    fn a_success_names_what_was_written() {
        let location = Location {
            bucket: "bucket".to_owned(),
            key: "a/truststore.pem".to_owned(),
        };
        let answer = Answer::Success {
            physical_resource_id: location.physical_resource_id(),
            attributes: Some(Attributes {
                location,
                version: "v1".to_owned(),
                certificates: 2,
            }),
        };
        let body: Value = serde_json::from_str(&answer.to_body(&request())).unwrap();
        let expected = json!({
            "Status": "SUCCESS",
            "RequestId": "request",
            "StackId": "stack",
            "LogicalResourceId": "Truststore",
            "PhysicalResourceId": "bucket/a/truststore.pem",
            "Data": {
                "Bucket": "bucket",
                "Key": "a/truststore.pem",
                "Version": "v1",
                "Uri": "s3://bucket/a/truststore.pem",
                "Certificates": "2"
            }
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn the_longest_key_fits() {
        let location = Location {
            bucket: "b".repeat(63),
            key: "é".repeat(256),
        };
        let request = Request {
            stack_id: "s".repeat(300),
            logical_resource_id: "l".repeat(255),
            request_id: "r".repeat(64),
            ..request()
        };
        let answer = Answer::Success {
            physical_resource_id: location.physical_resource_id(),
            attributes: Some(Attributes {
                location: location.clone(),
                version: "v".repeat(64),
                certificates: 1000,
            }),
        };
        assert!(answer.to_body(&request).len() <= MAX_OCTETS);
    }

    proptest! {
        #[test]
        fn a_reason_of_any_length_fits(reason in "[\\PC\n\0\"]{0,6000}") {
            let answer = Answer::Failed {
                physical_resource_id: "not-created".to_owned(),
                reason: reason.clone(),
            };
            let body = answer.to_body(&request());
            let length = body.len();
            prop_assert!(length <= MAX_OCTETS, "{length}");
            let body: Value = serde_json::from_str(&body).unwrap();
            let sent = body["Reason"].as_str().unwrap();
            if sent != reason {
                prop_assert!(reason.starts_with(sent.strip_suffix(CUT).unwrap()));
                // Not even the longest escape would have fitted too.
                prop_assert!(length > MAX_OCTETS - 6, "{length}");
            }
        }
    }
}
