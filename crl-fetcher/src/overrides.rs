//! The operator's overrides: certificates and public keys that are to be denied whatever the CAs say.
//!
//! One JSON object in a prefix of its own, which `crlctl block` writes and people may:
//!
//! ```json
//! {
//!   "version": 1,
//!   "blocks": [
//!     {
//!       "issuer": "6d1f…",
//!       "serial": "0a1b…",
//!       "since": "2026-11-29T20:15:00Z",
//!       "until": "2026-12-29T20:15:00Z",
//!       "note": "INC-7: laptop stolen"
//!     },
//!     {
//!       "key": "9c04…",
//!       "since": "2026-11-29T20:15:00Z",
//!       "until": "2027-11-29T20:15:00Z",
//!       "note": "INC-8: key found in a public repository"
//!     }
//!   ]
//! }
//! ```
//!
//! `issuer` is the key identifier of a CA of the truststore, `serial` a serial number, `key` the SHA-256
//! of a DER `SubjectPublicKeyInfo`, all in hexadecimal; times are RFC 3339.
//!
//! It is taken as a whole or not at all: a block that was passed over because of a slip of the pen would
//! be a client let in. There is no word in it that could let anybody in.

use std::fmt;

use revocation::{
    BlockedKey, Notice, Origin, SerialNumber, UnixTime, hexadecimal, read_hexadecimal,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What the operator has blocked, in the order of the object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Those that have ended included.
    pub blocks: Vec<Block>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What is blocked.
    pub target: Target,
    /// When that was said.
    pub since: UnixTime,
    /// Up to when it counts.
    pub until: UnixTime,
    /// Why: for those who find it later. One line of 1 to [`MAX_NOTE_CHARACTERS`] characters.
    pub note: String,
}

/// What a block is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One certificate.
    Certificate {
        /// The key identifier of the CA that issued it.
        issuer: Vec<u8>,
        /// Its serial number.
        serial: SerialNumber,
    },
    /// Every certificate of a key: see [`BlockedKey::key`].
    Key([u8; 32]),
}

/// The longest note.
pub const MAX_NOTE_CHARACTERS: usize = 500;

/// The largest object that is read, in octets: about 4,000 blocks.
pub const MAX_OVERRIDES_OCTETS: u64 = 1 << 20;

const VERSION: u32 = 1;

impl Overrides {
    /// Reads the object.
    ///
    /// # Errors
    /// Anything in it is not as it should be.
    pub fn read(octets: &[u8]) -> Result<Self, OverridesError> {
        let value: Value = serde_json::from_slice(octets).map_err(OverridesError::json)?;
        // A derived reader takes an array of the fields for an object, which nobody means.
        let blocks = value.get("blocks").and_then(Value::as_array);
        if !blocks.is_none_or(|blocks| blocks.iter().all(Value::is_object)) || !value.is_object() {
            return Err(OverridesError::Json("it is not made of objects".to_owned()));
        }
        if let Some(version) = value.get("version").and_then(Value::as_u64)
            && version != u64::from(VERSION)
        {
            return Err(OverridesError::Version(version));
        }
        // From the octets once more: of a name that comes twice, a value keeps the last one only.
        let file: File = serde_json::from_slice(octets).map_err(OverridesError::json)?;
        let entries = file.blocks.into_iter().enumerate();
        let read = |(index, entry): (usize, Entry)| {
            let position = index + 1;
            let block = entry.read();
            block.map_err(|what| OverridesError::Block { position, what })
        };
        Ok(Self {
            blocks: entries.map(read).collect::<Result<_, _>>()?,
        })
    }

    /// The object, for people too.
    pub fn to_json(&self) -> Vec<u8> {
        let file = File {
            version: VERSION,
            blocks: self.blocks.iter().map(Entry::of).collect(),
        };
        let mut octets = serde_json::to_vec_pretty(&file).unwrap_or_default();
        octets.push(b'\n');
        octets
    }
}

impl Block {
    /// What a snapshot keeps of the block of a certificate, and the key identifier of its CA.
    pub fn notice(&self) -> Option<(&[u8], Notice)> {
        let Target::Certificate { issuer, serial } = &self.target else {
            return None;
        };
        let notice = Notice {
            serial: *serial,
            origin: Origin::Override,
            since: self.since,
            until: self.until,
        };
        Some((issuer, notice))
    }

    /// What a snapshot keeps of the block of a key.
    pub const fn blocked_key(&self) -> Option<BlockedKey> {
        match self.target {
            Target::Key(key) => Some(BlockedKey {
                key,
                since: self.since,
                until: self.until,
            }),
            Target::Certificate { .. } => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { issuer, serial } => {
                write!(f, "serial number {serial} of CA {}", hexadecimal(issuer))
            }
            Self::Key(key) => write!(f, "public key {}", hexadecimal(key)),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    blocks: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    since: String,
    until: String,
    note: String,
}

impl Entry {
    fn of(block: &Block) -> Self {
        let (issuer, serial, key) = match &block.target {
            Target::Certificate { issuer, serial } => {
                (Some(hexadecimal(issuer)), Some(serial.to_string()), None)
            }
            Target::Key(key) => (None, None, Some(hexadecimal(key))),
        };
        Self {
            issuer,
            serial,
            key,
            since: block.since.to_string(),
            until: block.until.to_string(),
            note: block.note.clone(),
        }
    }

    fn read(self) -> Result<Block, &'static str> {
        let target = match (&self.issuer, &self.serial, &self.key) {
            (Some(issuer), Some(serial), None) => Target::Certificate {
                issuer: read_hexadecimal(issuer).ok_or("its issuer is not hexadecimal")?,
                serial: read_serial(serial)
                    .ok_or("its serial is not a number of up to 20 octets in hexadecimal")?,
            },
            (None, None, Some(key)) => Target::Key(
                read_key(key).ok_or("its key is not the 64 hexadecimal digits of a SHA-256")?,
            ),
            _ => return Err("it needs either issuer and serial, or key"),
        };
        let since = read_time(&self.since).ok_or("its since is not a time in RFC 3339")?;
        let until = read_time(&self.until).ok_or("its until is not a time in RFC 3339")?;
        if until < since {
            return Err("it ends before it begins");
        }
        if !is_note(&self.note) {
            return Err("its note is not one line of 1 to 500 characters");
        }
        Ok(Block {
            target,
            since,
            until,
            note: self.note,
        })
    }
}

/// Whether a text can be a block's note.
pub fn is_note(text: &str) -> bool {
    let is_short = (1..=MAX_NOTE_CHARACTERS).contains(&text.chars().count());
    is_short && !text.trim().is_empty() && !text.chars().any(char::is_control)
}

/// As it is written: hexadecimal, a `-` before a negative number.
pub fn read_serial(text: &str) -> Option<SerialNumber> {
    let Some(digits) = text.strip_prefix('-') else {
        return SerialNumber::from_magnitude(&read_hexadecimal(text)?);
    };
    // Two's complement: one octet more than the magnitude, without the redundant ones at its front.
    let mut content = [&[0][..], &read_hexadecimal(digits)?].concat();
    let mut carry = true;
    for octet in content.iter_mut().rev() {
        (*octet, carry) = (!*octet).overflowing_add(u8::from(carry));
    }
    let redundant = content
        .windows(2)
        .take_while(|pair| pair[0] == 0xff && pair[1] >= 0x80)
        .count();
    let serial = SerialNumber::from_der_integer(&content[redundant..]).ok()?;
    serial.is_negative().then_some(serial)
}

/// As it is written: the 64 hexadecimal digits of a SHA-256.
pub fn read_key(text: &str) -> Option<[u8; 32]> {
    let octets = read_hexadecimal(text).filter(|_| text.len() == 64)?;
    octets.try_into().ok()
}

fn read_time(text: &str) -> Option<UnixTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(UnixTime::from_seconds(time.unix_timestamp()))
}

/// Why overrides are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OverridesError {
    /// A block is not one.
    Block {
        /// Which one, from 1.
        position: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// They are not the JSON that they should be.
    Json(String),
    /// They are of another version.
    Version(u64),
}

impl OverridesError {
    fn json(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}

impl fmt::Display for OverridesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block { position, what } => write!(f, "block {position} is refused: {what}"),
            Self::Json(error) => write!(f, "these are not overrides: {error}"),
            Self::Version(version) => write!(
                f,
                "these are overrides of version {version}, and this program reads {VERSION}"
            ),
        }
    }
}

impl std::error::Error for OverridesError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn entry() -> Value {
        json!({
            "issuer": "0a0b",
            "serial": "01",
            "since": "2026-11-29T20:15:00Z",
            "until": "2026-12-29T21:15:00+01:00",
            "note": "INC-7: laptop stolen"
        })
    }

    fn key_entry() -> Value {
        let mut entry = entry();
        let fields = entry.as_object_mut().unwrap();
        fields.remove("issuer");
        fields.remove("serial");
        fields.insert("key".to_owned(), "Ab".repeat(32).into());
        entry
    }

    fn read(entries: &[Value]) -> Result<Vec<Block>, OverridesError> {
        let file = json!({"version": 1, "blocks": entries});
        Overrides::read(&serde_json::to_vec(&file).unwrap()).map(|overrides| overrides.blocks)
    }

    #[test]
    fn certificates_and_keys_are_blocked() {
        let since = UnixTime::from_civil(2026, 11, 29, (20, 15, 0)).unwrap();
        let until = UnixTime::from_civil(2026, 12, 29, (20, 15, 0)).unwrap();
        let note = "INC-7: laptop stolen".to_owned();
        let certificate = Block {
            target: Target::Certificate {
                issuer: vec![0x0a, 0x0b],
                serial: SerialNumber::from_magnitude(&[1]).unwrap(),
            },
            since,
            until,
            note,
        };
        let key = Block {
            target: Target::Key([0xab; 32]),
            ..certificate.clone()
        };
        let blocks = read(&[entry(), key_entry()]).unwrap();
        assert_eq!(blocks, [certificate, key]);
        assert_eq!(read(&[]), Ok(Vec::new()));
    }

    #[test]
    fn one_bad_block_is_enough_to_refuse_them_all() {
        let with = |name: &str, value: Value| {
            let mut entry = entry();
            entry[name] = value;
            entry
        };
        for bad in [
            with("issuer", json!("")),
            with("issuer", json!("CN=CA")),
            with("serial", json!("")),
            with("serial", json!("0x01")),
            with("serial", json!("-0")),
            with("serial", json!("ff".repeat(21))),
            with("serial", json!(1)),
            with("key", json!("ab".repeat(32))),
            with("since", json!("yesterday")),
            with("until", json!("2026-12-29")),
            with("until", json!("2026-11-29T20:14:59Z")),
            with("note", json!("")),
            with("note", json!(" ")),
            with("note", json!("two\nlines")),
            with("note", json!("x".repeat(501))),
            with("untill", json!("2026-12-29T20:15:00Z")),
            json!([
                "0a0b",
                "01",
                null,
                "2026-11-29T20:15:00Z",
                "2026-12-29T20:15:00Z",
                "n"
            ]),
            json!(null),
        ] {
            assert!(read(&[entry(), bad.clone()]).is_err(), "{bad}");
        }
        let mut short = key_entry();
        short["key"] = json!("ab".repeat(31));
        let error = read(&[entry(), short]).unwrap_err();
        assert!(error.to_string().starts_with("block 2 is refused"));
    }

    #[test]
    fn only_a_whole_file_of_this_version_is_read() {
        for (text, expected) in [
            (r#"{"version": 1, "blocks": []}"#, true),
            (r#"{"version": 1}"#, false),
            (r#"{"blocks": []}"#, false),
            (r#"{"version": 2, "blocks": []}"#, false),
            (r#"{"version": 1, "blocks": [], "allow": []}"#, false),
            (r#"{"version": 1, "blocks": [], "blocks": []}"#, false),
            (r#"{"version": 1, "blocks": []"#, false),
            (r#"{"version": 1, "blocks": []} {}"#, false),
            (r"[1, []]", false),
            ("", false),
            ("null", false),
        ] {
            assert_eq!(Overrides::read(text.as_bytes()).is_ok(), expected, "{text}");
        }
        let newer = Overrides::read(br#"{"version": 2, "groups": {}}"#);
        assert_eq!(newer, Err(OverridesError::Version(2)));
    }

    fn any_block() -> impl Strategy<Value = Block> {
        let serial = prop::collection::vec(any::<u8>(), 1..=20)
            .prop_filter_map("no serial number", |content| {
                SerialNumber::from_der_integer(&content).ok()
            });
        let issuer = prop::collection::vec(any::<u8>(), 1..30);
        let target = prop_oneof![
            (issuer, serial).prop_map(|(issuer, serial)| Target::Certificate { issuer, serial }),
            any::<[u8; 32]>().prop_map(Target::Key),
        ];
        // The years 0 to 9999.
        let times = (-62_167_219_200_i64..=253_402_300_799, 0_i64..1 << 40);
        let note = "\\PC{1,20}".prop_filter("no note", |text| is_note(text));
        (target, times, note).prop_map(|(target, (since, longer), note)| Block {
            target,
            since: UnixTime::from_seconds(since),
            until: UnixTime::from_seconds(since.saturating_add(longer).min(253_402_300_799)),
            note,
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(blocks in prop::collection::vec(any_block(), 0..5)) {
            let overrides = Overrides { blocks };
            prop_assert_eq!(Overrides::read(&overrides.to_json()), Ok(overrides));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
            let _ = Overrides::read(text.as_bytes());
            let _ = read_serial(&text);
            let _ = read_key(&text);
            let mut entry = entry();
            entry["serial"] = json!(text);
            let _ = read(&[entry]);
        }
    }
}
