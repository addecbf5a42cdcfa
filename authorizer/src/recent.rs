//! The certificates of the clients that came last, each read once.
//!
//! A client brings the same certificate with every request, and most work of a request is about it: to
//! decode the PEM, to walk through the DER, to hash it, to spell it in the answer. All that depends on
//! the text alone, so what was made of a text is kept beside it and used again for the very same text.
//!
//! No decision is kept. Each request looks its certificate up in the snapshot of that moment, and
//! compares its validity with the clock. What was written for an answer is used again only where the
//! decision that came of it is the one that was written.

use std::sync::{Arc, Mutex};

use revocation::SnapshotId;
use serde_json::value::RawValue;

use crate::client_cert::{ClientCert, ClientCertError};
use crate::decision::Decision;
use crate::event::JsonString;
use crate::locked;

/// A few hundred certificates. A text has one place where it can be; another one there gives way.
#[derive(Debug)]
pub struct RecentClients {
    places: Box<[Place]>,
}

type Place = Mutex<Option<Arc<Client>>>;

/// A certificate and what was made of it.
#[derive(Debug)]
pub struct Client {
    /// The PEM as it stood between the quotation marks.
    text: Box<str>,
    certificate: ClientCert,
    written: Mutex<Option<Written>>,
}

/// What was last written for a certificate.
#[derive(Debug)]
struct Written {
    part: Part,
    decision: Decision,
    snapshot: SnapshotId,
    json: Arc<RawValue>,
}

/// What of an answer depends on nothing but the certificate, the decision and the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of a simple response.
    Simple,
    /// The context of an IAM policy.
    Context,
}

impl RecentClients {
    /// Remembers none: each certificate is read each time.
    pub fn forgotten() -> Self {
        Self {
            places: Box::default(),
        }
    }

    /// [`ClientCert::from_json_pem`] of that text, without the work where it was among the last ones.
    pub fn read(&self, pem: JsonString<'_>) -> Option<Result<Arc<Client>, ClientCertError>> {
        let text = pem.escaped();
        let place = match text.len() {
            0..=MAX_KEPT_OCTETS => self.places.get(usize::from(place_of(text.as_bytes()))),
            _ => None,
        };
        if let Some(place) = place
            && let Some(client) = &*locked(place)
            && *client.text == *text
        {
            return Some(Ok(Arc::clone(client)));
        }
        let certificate = match ClientCert::from_json_pem(pem)? {
            Ok(certificate) => certificate,
            Err(error) => return Some(Err(error)),
        };
        let client = Arc::new(Client {
            text: if place.is_some() { text } else { "" }.into(),
            certificate,
            written: Mutex::default(),
        });
        if let Some(place) = place {
            *locked(place) = Some(Arc::clone(&client));
        }
        Some(Ok(client))
    }
}

impl Default for RecentClients {
    /// None so far.
    fn default() -> Self {
        let places = std::iter::repeat_with(Place::default);
        Self {
            places: places.take(PLACES).collect(),
        }
    }
}

impl Client {
    /// The certificate.
    pub const fn certificate(&self) -> &ClientCert {
        &self.certificate
    }

    /// That part of an answer, from `write` unless it is the one that was written last.
    pub(crate) fn written<E>(
        &self,
        part: Part,
        decision: Decision,
        snapshot: SnapshotId,
        write: impl FnOnce() -> Result<Box<RawValue>, E>,
    ) -> Result<Arc<RawValue>, E> {
        let mut last = locked(&self.written);
        if let Some(written) = &*last
            && written.part == part
            && written.decision == decision
            && written.snapshot == snapshot
        {
            return Ok(Arc::clone(&written.json));
        }
        let json: Arc<RawValue> = write()?.into();
        *last = Some(Written {
            part,
            decision,
            snapshot,
            json: Arc::clone(&json),
        });
        Ok(json)
    }
}

/// By 16 of the characters before the last line, which are of the signature: no two certificates
/// have the same, and nothing but time is lost where they do.
fn place_of(text: &[u8]) -> u8 {
    let before_end = text.len().saturating_sub(END_OCTETS + 16);
    let sample = text.get(before_end..).and_then(<[u8]>::first_chunk);
    let sample = u128::from_le_bytes(sample.copied().unwrap_or_default());
    let [.., mixed] = sample.wrapping_mul(MULTIPLIER).to_le_bytes();
    mixed
}

/// One for each octet.
const PLACES: usize = 256;
/// Far more than a certificate of a client takes; a longer one is read each time.
const MAX_KEPT_OCTETS: usize = 8 * 1024;
/// The last line with its line breaks, and up to two characters of padding before it.
const END_OCTETS: usize = r"==\n-----END CERTIFICATE-----\n".len();
/// The golden ratio's fraction in 128 bits (Knuth, The Art of Computer Programming 3, §6.4).
const MULTIPLIER: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Effect, Reason};
    use std::collections::BTreeSet;
    use testkit::pki::{Ca, der};

    fn quoted(pem: &str) -> String {
        serde_json::to_string(pem).unwrap()
    }

    fn read(clients: &RecentClients, quoted: &str) -> Result<Arc<Client>, ClientCertError> {
        clients.read(JsonString::new(quoted).unwrap()).unwrap()
    }

    #[test]
    fn a_certificate_that_comes_again_is_not_read_again() {
        let ca = Ca::root("Issuing CA");
        let clients = RecentClients::default();
        for name in ["alice", "bob"] {
            let pem = quoted(&ca.issue(name).certificate_pem());
            let first = read(&clients, &pem).unwrap();
            assert!(first.certificate().subject.ends_with(name));
            assert!(Arc::ptr_eq(&first, &read(&clients, &pem).unwrap()));
        }
    }

    #[test]
    fn what_differs_in_one_character_is_another_certificate() {
        let ca = Ca::root("Issuing CA");
        let clients = RecentClients::default();
        let pem = quoted(&ca.issue("alice").certificate_pem());
        let first = read(&clients, &pem).unwrap();
        let mut readable = 0;
        for at in 1..pem.len() - 1 {
            let mut changed = pem.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let text = JsonString::new(&changed).unwrap();
            let other = clients.read(text);
            let directly = ClientCert::from_json_pem(text);
            match (other, directly) {
                (Some(Ok(other)), Some(Ok(directly))) => {
                    assert!(!Arc::ptr_eq(&first, &other), "{at}");
                    assert_eq!(*other.certificate(), directly, "{at}");
                    readable += 1;
                }
                (Some(Err(error)), Some(Err(directly))) => assert_eq!(error, directly, "{at}"),
                (other, directly) => assert!(other.is_none() && directly.is_none(), "{at}"),
            }
        }
        assert!(readable > 100, "{readable}");
    }

    #[test]
    fn what_cannot_be_read_or_is_too_long_is_not_kept() {
        let clients = RecentClients::default();
        let broken = quoted(&der::pem("CERTIFICATE", &[0x30, 0]));
        assert!(read(&clients, &broken).is_err());
        let pem = Ca::root("Issuing CA").issue("alice").certificate_pem();
        let long = quoted(&(pem + &"\n".repeat(MAX_KEPT_OCTETS)));
        assert!(!Arc::ptr_eq(
            &read(&clients, &long).unwrap(),
            &read(&clients, &long).unwrap()
        ));
        let is_free = |place: &Place| locked(place).is_none();
        assert!(clients.places.iter().all(is_free));
    }

    #[test]
    fn the_certificates_of_one_ca_spread_over_the_places() {
        let ca = Ca::root("Issuing CA");
        let places: BTreeSet<u8> = (0..64)
            .map(|number| {
                let pem = quoted(&ca.issue(&format!("client {number}")).certificate_pem());
                place_of(pem.as_bytes())
            })
            .collect();
        // About 57 of 64 random places are different ones.
        assert!(places.len() > 40, "{}", places.len());
        for short in [&b""[..], b"a", &[b'a'; 45]] {
            let _ = place_of(short);
        }
    }

    #[test]
    fn a_part_is_written_for_each_decision_and_each_snapshot() {
        let clients = RecentClients::default();
        let pem = quoted(&Ca::root("Issuing CA").issue("alice").certificate_pem());
        let client = read(&clients, &pem).unwrap();
        let written = |part, reason, checksum, text: &str| {
            let decision = Decision {
                effect: Effect::Deny,
                reason,
            };
            let write = || RawValue::from_string(text.to_owned());
            let snapshot = SnapshotId::from_checksum(checksum);
            let json = client.written(part, decision, snapshot, write).unwrap();
            json.get().to_owned()
        };
        assert_eq!(written(Part::Simple, Reason::Revoked, 0xa, "1"), "1");
        assert_eq!(written(Part::Simple, Reason::Revoked, 0xa, "2"), "1");
        assert_eq!(written(Part::Simple, Reason::Revoked, 0xb, "3"), "3");
        assert_eq!(written(Part::Simple, Reason::CrlExpired, 0xb, "4"), "4");
        assert_eq!(written(Part::Simple, Reason::Revoked, 0xb, "5"), "5");
        assert_eq!(written(Part::Context, Reason::Revoked, 0xb, "6"), "6");
        assert_eq!(written(Part::Context, Reason::Revoked, 0xb, "7"), "6");
    }
}
