//! What the benches measure on: made anew at each run, always the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot make its input has nothing to measure"
)]

pub mod bound;
pub mod distributions;
pub mod ours;
pub mod processes;
pub mod rivals;

use std::path::PathBuf;
use std::time::Duration;

use revocation::{
    Contents, CrlNumber, CrlRecord, Issuer, IssuerRecord, ObjectRef, RevokedSet, Scope,
    SerialNumber, UnixTime,
};
use serde_json::Value;
use testkit::events;
use testkit::lambda::{Binaries, BuildError, build_packages};
use testkit::pki::{Ca, KeyKind, LeafOptions};

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

    /// The same as a number: at least 2^120.
    pub fn number(&mut self) -> u128 {
        u128::from_be_bytes(self.serial())
    }

    /// A number below the bound, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(self.word() % bound).unwrap_or_default()
    }

    /// One of them; there must be some.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A duration from `least` to `most`, to the microsecond.
    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let range = usize::try_from((most - least).as_micros()).unwrap_or(usize::MAX);
        let more = u64::try_from(self.below(range.max(1))).unwrap_or_default();
        least + Duration::from_micros(more)
    }

    /// The time until the next of events that come at any moment alike, one in `mean` on the average
    /// (Poisson).
    pub fn until_next(&mut self, mean: Duration) -> Duration {
        let parts = 1_000_000;
        let part = u32::try_from(self.below(parts) + 1).unwrap_or(u32::MAX);
        // From the least part to all: its logarithm is finite, and 0 at most.
        mean.mul_f64(-(f64::from(part) / 1e6).ln())
    }

    /// 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Builds what the playground runs. Of cargo's output the names of the crates it compiles are left out.
///
/// # Errors
/// Cargo's output.
pub fn build_for_the_playground() -> Result<Binaries, BuildError> {
    let mut built = build_packages(&["authorizer", "crl-fetcher", "sample-api"], |_| {})?;
    let mut take = |name: &str| built.remove(name).unwrap_or_default();
    Ok(Binaries {
        authorizer: take("authorizer"),
        crl_fetcher: take("crl-fetcher"),
        sample_api: take("sample-api"),
        // The playground writes its truststore itself.
        truststore: PathBuf::new(),
    })
}

/// So many different random serial numbers.
pub fn serials(count: usize, seed: u64) -> Vec<[u8; 16]> {
    let mut random = Random::new(seed);
    (0..count).map(|_| random.serial()).collect()
}

/// The serial number with these octets of value.
pub fn serial_number(octets: &[u8; 16]) -> SerialNumber {
    SerialNumber::from_der_integer(&der_integer(octets)).expect("16 octets, the first not 0")
}

/// The content octets of the DER INTEGER with these octets of value.
pub fn der_integer(octets: &[u8; 16]) -> Vec<u8> {
    let padding: &[u8] = if octets[0] < 0x80 { &[] } else { &[0] };
    [padding, octets].concat()
}

/// The set of these serial numbers.
pub fn revoked_set(serials: &[[u8; 16]]) -> RevokedSet<Vec<u8>> {
    RevokedSet::from_serials(serials.iter().map(serial_number).collect()).expect("not too many")
}

/// A CRL in DER with these entries, half of them with a reason code.
pub fn crl(ca: &Ca, serials: &[[u8; 16]]) -> Vec<u8> {
    let reasons = [None, Some(1)].into_iter().cycle();
    let entries = serials.iter().zip(reasons);
    let entries = entries.map(|(serial, reason)| (der_integer(serial), 1_793_000_000, reason));
    ca.crl().entries(entries).der()
}

/// An HTTP API's authorizer event of payload 2.0 as large as a browser's call makes it, about 3.4 KB,
/// with a certificate of the CA for a key of that kind.
pub fn event(ca: &Ca, key: KeyKind) -> String {
    let options = LeafOptions {
        key,
        ..LeafOptions::default()
    };
    let mut event = events::http_api_v2(&ca.issue_with("alice", options).certificate_pem());
    let headers = [
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", "en-GB,en;q=0.9,de;q=0.7"),
        ("cache-control", "no-cache"),
        ("origin", "https://orders.example.com"),
        ("priority", "u=1, i"),
        (
            "referer",
            "https://orders.example.com/customers/4711/orders",
        ),
        (
            "sec-ch-ua",
            "\"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"",
        ),
        ("sec-ch-ua-mobile", "?0"),
        ("sec-ch-ua-platform", "\"Linux\""),
        ("sec-fetch-dest", "empty"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-site", "same-site"),
        (
            "traceparent",
            "00-69213f9f0f2f4a2d1c9d6f6e5b3a7c11-5b3a7c1169213f9f-01",
        ),
        ("x-request-id", "7f9c2ba4-e88f-4a3e-9e51-2f1d6a9b0c34"),
    ];
    for (name, value) in headers {
        event["headers"][name] = value.into();
    }
    event.to_string()
}

/// Whether these are the octets of an answer that lets a request in.
pub fn is_permission(response: Option<Vec<u8>>) -> bool {
    let response: Option<Value> = response.and_then(|octets| serde_json::from_slice(&octets).ok());
    response.is_some_and(|response| response["isAuthorized"] == true)
}

/// The one in the middle, or the later of two; nothing of none.
pub fn median(durations: &mut [Duration]) -> Duration {
    durations.sort_unstable();
    durations
        .get(durations.len() / 2)
        .copied()
        .unwrap_or_default()
}

/// Of values in ascending order, the smallest that so many thousandths of them do not exceed; `None` of
/// none.
pub fn permille<T: Copy>(ascending: &[T], thousandths: usize) -> Option<T> {
    let rank = (ascending.len() * thousandths).div_ceil(1000);
    ascending.get(rank.saturating_sub(1)).copied()
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
        blocked_keys: Vec::new(),
        issuers: vec![IssuerRecord {
            crls: vec![crl],
            ..IssuerRecord::new(issuer)
        }],
    };
    contents.encode().expect("a small directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permille_is_of_what_there_is() {
        let numbers: Vec<u32> = (1..=1000).collect();
        for (thousandths, expected) in [(0, 1), (500, 500), (990, 990), (999, 999), (1000, 1000)] {
            assert_eq!(permille(&numbers, thousandths), Some(expected));
        }
        assert_eq!(permille(&numbers[..3], 500), Some(2));
        assert_eq!(permille(&numbers[..1], 999), Some(1));
        assert_eq!(permille::<u32>(&[], 500), None);
    }

    #[test]
    fn random_events_come_as_often_as_is_meant() {
        let mut random = Random::new(1);
        let mean = Duration::from_millis(250);
        let all: Duration = (0..10_000).map(|_| random.until_next(mean)).sum();
        let average = all / 10_000;
        assert!((240..260).contains(&average.as_millis()), "{average:?}");
    }

    #[test]
    fn random_durations_are_between_their_bounds() {
        let mut random = Random::new(1);
        let (least, most) = (Duration::from_millis(3), Duration::from_millis(5));
        for _ in 0..1000 {
            assert!((least..most).contains(&random.between(least, most)));
        }
        assert_eq!(random.between(least, least), least);
    }
}
