//! A CA's announcement that it has revoked a certificate: AWS Private CA's event, which comes seconds
//! after the call, where the CRL takes about half an hour.
//!
//! It is delivered at best effort, so it is never the source of truth: whoever misses one learns of the
//! revocation from the CRL. It can only deny, so one that should not have been believed makes nobody
//! good. And still only what comes from the expected accounts counts.

use std::fmt;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use revocation::{Issuer, IssuerRecord, Notice, Origin, SerialNumber, UnixTime, read_hexadecimal};
use serde_json::Value;

/// A certificate that a CA of AWS Private CA has revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The CA's id: the last part of its ARN.
    pub ca_id: String,
    /// The account that the event is of.
    pub account: String,
    /// The certificate's serial number.
    pub serial: SerialNumber,
    /// When the event happened.
    pub at: UnixTime,
}

/// Why an event that says that a certificate was revoked is no announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unusable {
    /// The two ARNs are not those of a CA and of a certificate that it issued, in the event's account.
    Resources,
    /// The last part of the certificate's ARN is no serial number.
    SerialNumber,
    /// The event has no time.
    Time,
}

impl Announcement {
    /// Of an event; `None` where it is about anything else than a revocation that succeeded.
    pub fn of(event: &Value) -> Option<Result<Self, Unusable>> {
        let event: EventBridgeEvent = serde_json::from_value(event.clone()).ok()?;
        let is_revocation = event.source == "aws.acm-pca"
            && event.detail_type == "ACM Private CA Certificate Revocation"
            && event.detail["result"] == "success";
        is_revocation.then(|| Self::read(event))
    }

    fn read(event: EventBridgeEvent) -> Result<Self, Unusable> {
        let resources = event.resources.unwrap_or_default();
        let account = event.account.unwrap_or_default();
        let [ca, certificate] = resources.as_slice() else {
            return Err(Unusable::Resources);
        };
        // arn:aws:acm-pca:REGION:ACCOUNT:certificate-authority/ID[/certificate/SERIAL]
        let parts: Vec<_> = ca.splitn(6, ':').collect();
        let ["arn", _, "acm-pca", _, owner, resource] = parts[..] else {
            return Err(Unusable::Resources);
        };
        let ca_id = resource.strip_prefix("certificate-authority/");
        let ca_id = ca_id.filter(|id| !id.is_empty() && !id.contains('/'));
        let serial = certificate
            .strip_prefix(ca.as_str())
            .and_then(|rest| rest.strip_prefix("/certificate/"));
        let (Some(ca_id), Some(serial)) = (ca_id, serial) else {
            return Err(Unusable::Resources);
        };
        if owner != account {
            return Err(Unusable::Resources);
        }
        let at = event.time.map(|time| time.timestamp());
        Ok(Self {
            ca_id: ca_id.to_owned(),
            account,
            serial: serial_number(serial).ok_or(Unusable::SerialNumber)?,
            at: UnixTime::from_seconds(at.ok_or(Unusable::Time)?),
        })
    }

    /// The CAs that it may be about, of these: the one that is known by its id, or those with a CRL from
    /// an object whose key has the id in it, as AWS Private CA names objects.
    pub fn issuers<'a>(
        &self,
        issuers: impl Iterator<Item = &'a IssuerRecord>,
        known: &KnownCas,
    ) -> Vec<&'a Issuer> {
        if let Some(key_id) = known.key_id(&self.ca_id) {
            let of_key = issuers.filter(|record| record.issuer.key_id == key_id);
            return of_key.map(|record| &record.issuer).collect();
        }
        let is_its_object = |key: &str| {
            let mut parts = key.split('/');
            parts.any(|part| part.strip_suffix(".crl").unwrap_or(part) == self.ca_id)
        };
        let has_its_object = issuers.filter(|record| {
            let mut crls = record.crls.iter();
            crls.any(|crl| is_its_object(&crl.source.key))
        });
        has_its_object.map(|record| &record.issuer).collect()
    }

    /// What a snapshot keeps of it: for so many seconds, unless a CRL lists the certificate before. An
    /// event of the future is one of now.
    pub fn notice(&self, keep: i64, now: UnixTime) -> Notice {
        let since = self.at.min(now);
        Notice {
            serial: self.serial,
            origin: Origin::Announcement,
            since,
            until: since.plus(keep),
        }
    }
}

/// As the last part of a certificate's ARN has it: hexadecimal, or, in some of AWS's documents, decimal.
/// AWS Private CA's numbers have up to 16 octets, so what has more digits than these is decimal if it
/// can be.
fn serial_number(text: &str) -> Option<SerialNumber> {
    let is_decimal = text.len() > 32 && text.bytes().all(|digit| digit.is_ascii_digit());
    let octets = match text.parse::<u128>() {
        Ok(value) if is_decimal => value.to_be_bytes().to_vec(),
        _ => read_hexadecimal(text)?,
    };
    SerialNumber::from_magnitude(&octets)
}

/// Which key a CA of AWS Private CA has, for those whose CRLs are not in objects of its id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownCas(Vec<(String, Vec<u8>)>);

impl KnownCas {
    /// From `CA-ID=KEY-IDENTIFIER`, separated by commas, the key identifier in hexadecimal, with or
    /// without colons.
    ///
    /// # Errors
    /// The part that is not of that form.
    pub fn read(text: &str) -> Result<Self, String> {
        let parts = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let read = |part: &str| {
            let (id, key_id) = part.split_once('=')?;
            let key_id = read_hexadecimal(&key_id.trim().replace(':', ""))?;
            Some((id.trim().to_owned(), key_id))
        };
        let known = parts.map(|part| read(part).ok_or_else(|| part.to_owned()));
        known.collect::<Result<_, _>>().map(Self)
    }

    fn key_id(&self, ca_id: &str) -> Option<&[u8]> {
        let mut known = self.0.iter();
        let (_, key_id) = known.find(|(id, _)| id == ca_id)?;
        Some(key_id)
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resources => {
                "its resources are not a CA and a certificate of that CA, in the event's account"
            }
            Self::SerialNumber => "the certificate's ARN does not end with a serial number",
            Self::Time => "it does not say when",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use testkit::events;

    fn serial(octets: &[u8]) -> SerialNumber {
        SerialNumber::from_magnitude(octets).unwrap()
    }

    #[test]
    fn the_event_of_awss_documentation_is_read() {
        let event = events::certificate_revocation(
            "11223344-1234-1122-2233-112233445566",
            "e8cbd2bedb122329f97706bcfec990f8",
        );
        let announcement = Announcement::of(&event).unwrap().unwrap();
        assert_eq!(announcement.ca_id, "11223344-1234-1122-2233-112233445566");
        assert_eq!(announcement.account, event["account"].as_str().unwrap());
        let expected = "e8cbd2bedb122329f97706bcfec990f8";
        assert_eq!(announcement.serial.to_string(), expected);
    }

    #[test]
    fn what_is_about_something_else_is_no_announcement() {
        let with = |pointer: &str, value: Value| {
            let mut event = events::certificate_revocation("id", "01");
            *event.pointer_mut(pointer).unwrap() = value;
            Announcement::of(&event)
        };
        assert_eq!(with("/source", json!("custom.acm-pca")), None);
        assert_eq!(with("/detail-type", json!("ACM Private CA Creation")), None);
        assert_eq!(with("/detail/result", json!("failure")), None);
        for event in [json!(null), json!({}), events::schedule()] {
            assert_eq!(Announcement::of(&event), None);
        }
        let resources = Some(Err(Unusable::Resources));
        assert_eq!(with("/resources", json!([])), resources);
        assert_eq!(with("/account", json!("999999999999")), resources);
        let other = json!("arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/other");
        assert_eq!(with("/resources/0", other), resources);
        let certificate = events::certificate_revocation("id", "-1");
        let certificate = certificate["resources"][1].clone();
        let unreadable = Some(Err(Unusable::SerialNumber));
        assert_eq!(with("/resources/1", certificate), unreadable);
    }

    #[test]
    fn serial_numbers_are_read_in_hexadecimal_with_any_padding_and_long_ones_in_decimal() {
        let decimal = "286535153982981100925020015808220737245";
        let value: u128 = decimal.parse().unwrap();
        for (text, expected) in [
            ("01", Some(serial(&[1]))),
            ("1", Some(serial(&[1]))),
            ("0001", Some(serial(&[1]))),
            ("F7d7", Some(serial(&[0xf7, 0xd7]))),
            (
                "12345678901234567890123456789012",
                Some(serial(&[
                    0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56,
                    0x78, 0x90, 0x12,
                ])),
            ),
            (decimal, Some(serial(&value.to_be_bytes()))),
            (&"f".repeat(40), Some(serial(&[0xff; 20]))),
            (&"f".repeat(42), None),
            ("", None),
            ("0x01", None),
            ("é1", None),
            ("+1", None),
        ] {
            assert_eq!(serial_number(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_serial_number_of_aws_private_ca_is_read_as_it_is_written(value: u128) {
            let expected = Some(serial(&value.to_be_bytes()));
            prop_assert_eq!(serial_number(&format!("{value:x}")), expected);
            prop_assert_eq!(serial_number(&format!("{value:032X}")), expected);
        }

        #[test]
        fn any_text_is_a_serial_number_or_not(text in "\\PC{0,50}") {
            let _ = serial_number(&text);
            let _ = KnownCas::read(&text);
        }
    }

    #[test]
    fn known_cas_are_read() {
        let known = KnownCas::read("a=0a:0B, b = ff,").unwrap();
        assert_eq!(known.key_id("a"), Some(&[0x0a, 0x0b][..]));
        assert_eq!(known.key_id("b"), Some(&[0xff][..]));
        assert_eq!(known.key_id("c"), None);
        assert_eq!(KnownCas::read(""), Ok(KnownCas::default()));
        assert_eq!(KnownCas::read("a=0a,b"), Err("b".to_owned()));
        assert_eq!(KnownCas::read("a=xy"), Err("a=xy".to_owned()));
    }
}
