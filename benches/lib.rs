//! What the benches measure on: made anew at each run, always the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot make its input has nothing to measure"
)]

pub mod processes;

use revocation::{
    Contents, CrlNumber, CrlRecord, Issuer, IssuerRecord, ObjectRef, RevokedSet, Scope,
    SerialNumber, UnixTime,
};
use testkit::pki::Ca;

/// The large input: a million serial numbers, or so many that an unoptimized smoke run ends soon.
pub const LARGE: usize = if cfg!(debug_assertions) {
    20_000
} else {
    1_000_000
};

/// A moment within the validity of everything the test PKI makes.
pub const NOW: UnixTime = UnixTime::from_seconds(1_793_600_000);

/// Octets that look random and are the same at each run (SplitMix64, Steele et al. 2014).
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 16 octets, as AWS Private CA makes serial numbers; the first one is not 0.
    pub fn serial(&mut self) -> [u8; 16] {
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&self.word().to_be_bytes());
        octets[8..].copy_from_slice(&self.word().to_be_bytes());
        octets[0] |= 0x01;
        octets
    }

    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// So many different random serial numbers.
pub fn serials(count: usize, seed: u64) -> Vec<[u8; 16]> {
    let mut random = Random::new(seed);
    (0..count).map(|_| random.serial()).collect()
}

/// The serial number with these octets of value.
pub fn serial_number(octets: &[u8; 16]) -> SerialNumber {
    let content = if octets[0] < 0x80 {
        octets.to_vec()
    } else {
        [&[0][..], octets].concat()
    };
    SerialNumber::from_der_integer(&content).expect("16 octets without a leading zero")
}

/// The set of these serial numbers.
pub fn revoked_set(serials: &[[u8; 16]]) -> RevokedSet<Vec<u8>> {
    RevokedSet::from_serials(serials.iter().map(serial_number).collect()).expect("not too many")
}

/// A CRL in DER with these entries, half of them with a reason code.
pub fn crl(ca: &Ca, serials: &[[u8; 16]]) -> Vec<u8> {
    let reasons = [None, Some(1)].into_iter().cycle();
    let entries = serials.iter().zip(reasons).map(|(serial, reason)| {
        let padded = if serial[0] < 0x80 {
            serial.to_vec()
        } else {
            [&[0][..], serial].concat()
        };
        (padded, 1_793_000_000, reason)
    });
    ca.crl().entries(entries).der()
}

/// A snapshot that knows one CA and its complete CRL with these entries.
pub fn snapshot(ca: &Ca, serials: &[[u8; 16]]) -> Vec<u8> {
    let crl = CrlRecord {
        scope: Scope::complete(),
        number: CrlNumber::from_der_integer(&[1]).expect("a number"),
        this_update: NOW.plus(-3600),
        next_update: NOW.plus(100 * 365 * 86_400),
        source: ObjectRef {
            key: ca.crl_key(),
            etag: "\"1\"".to_owned(),
        },
        digest: [0; 32],
        revoked: revoked_set(serials),
    };
    let issuer = Issuer {
        name: ca.name_der().to_vec(),
        key_id: ca.key_id().to_vec(),
    };
    let contents = Contents {
        built_at: NOW,
        builder: "benches".to_owned(),
        truststore: ObjectRef::default(),
        issuers: vec![IssuerRecord {
            crls: vec![crl],
            ..IssuerRecord::new(issuer)
        }],
    };
    contents.encode().expect("a small directory")
}
