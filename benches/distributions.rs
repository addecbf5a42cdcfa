//! Serial numbers that are not random: as some CAs number, and as somebody might who wants look-ups
//! to be slow.

use crate::Random;

/// Members of a set, and numbers close by that are not.
pub struct Distribution {
    /// What a table calls it.
    pub name: &'static str,
    /// Ascending, without duplicates, 16 octets with the first one not 0.
    pub members: Vec<[u8; 16]>,
    /// As many as the members at most, none of them a member; each next to one, or between two.
    pub near_misses: Vec<[u8; 16]>,
}

/// Every kind of skew, each with about `count` members.
pub fn all(count: u32) -> [Distribution; 7] {
    [
        distribution("sequential", sequential(count)),
        distribution(
            "clustered: same upper 64 bits, 16 clusters",
            clustered(count, 16),
        ),
        distribution("prefixed with a timestamp", timestamped(count)),
        distribution(
            "one bucket: sequential, and one number far off",
            one_bucket(count),
        ),
        distribution("two clumps at the far ends", two_clumps(count)),
        distribution(
            "geometric: half of them in the last bucket, and so on",
            geometric(count),
        ),
        distribution("pairs: neighbours far apart from all others", pairs(count)),
    ]
}

fn distribution(name: &'static str, mut numbers: Vec<u128>) -> Distribution {
    numbers.sort_unstable();
    numbers.dedup();
    // One above each member, or else the middle of the gap that follows.
    let near_misses = numbers
        .windows(2)
        .filter_map(|pair| {
            let next = pair[0] + 1;
            (next != pair[1]).then(|| {
                if pair[0] & 1 == 0 {
                    next
                } else {
                    pair[0] + (pair[1] - pair[0]) / 2
                }
            })
        })
        .chain(numbers.last().map(|last| last + 1))
        .chain(numbers.first().map(|first| first - 1))
        .map(u128::to_be_bytes)
        .collect();
    Distribution {
        name,
        members: numbers.into_iter().map(u128::to_be_bytes).collect(),
        near_misses,
    }
}

const BASE: u128 = 0x4a3f_9d21_77c0_5be8_0000_0000_0000_0000;

fn sequential(count: u32) -> Vec<u128> {
    (0..u128::from(count)).map(|index| BASE + index).collect()
}

fn clustered(count: u32, clusters: u32) -> Vec<u128> {
    let mut random = Random::new(3);
    let prefixes: Vec<u128> = (0..clusters)
        .map(|_| (random.number() >> 64) << 64)
        .collect();
    let prefixes = prefixes.into_iter().cycle();
    prefixes
        .take(usize::try_from(count).unwrap_or(usize::MAX))
        .map(|prefix| prefix | (random.number() >> 64))
        .collect()
}

/// 48 bits of milliseconds within a year, as in a UUID of version 7, then random bits.
fn timestamped(count: u32) -> Vec<u128> {
    let mut random = Random::new(4);
    (0..count)
        .map(|_| {
            let milliseconds = 0x019a_0000_0000 + random.number() % 31_536_000_000;
            // A serial number's first octet is not 0 here, and that of a time is.
            (0x40 << 120) | (milliseconds << 72) | (random.number() >> 56)
        })
        .collect()
}

/// The span is stretched so far that all but one number share their upper bits.
fn one_bucket(count: u32) -> Vec<u128> {
    let mut numbers = sequential(count.saturating_sub(1));
    numbers.push(u128::MAX >> 1);
    numbers
}

fn two_clumps(count: u32) -> Vec<u128> {
    let mut random = Random::new(5);
    (0..count)
        .map(|index| match index % 2 {
            0 => (1 << 120) + (random.number() >> 88),
            _ => (u128::MAX >> 1) - 1 - (random.number() >> 88),
        })
        .collect()
}

fn geometric(count: u32) -> Vec<u128> {
    let mut random = Random::new(6);
    (0..count)
        .map(|_| {
            // As many leading zeros as heads come in a row: half of the numbers have one, and so on.
            let heads = random.number().leading_ones().min(60);
            (1 << 120) | (random.number() >> (8 + 2 * heads))
        })
        .collect()
}

fn pairs(count: u32) -> Vec<u128> {
    let mut random = Random::new(7);
    (0..count / 2)
        .flat_map(|_| {
            let number = (random.number() >> 1) | (1 << 120);
            [number, number + 2]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn a_near_miss_is_no_member() {
        for distribution in super::all(5_000) {
            let members: BTreeSet<_> = distribution.members.iter().collect();
            assert!(members.len() > 4_000, "{}", distribution.name);
            assert!(
                members.iter().all(|member| member[0] != 0),
                "{}",
                distribution.name
            );
            assert!(
                !distribution.near_misses.is_empty(),
                "{}",
                distribution.name
            );
            for miss in &distribution.near_misses {
                assert!(
                    !members.contains(miss),
                    "{}: {miss:02x?}",
                    distribution.name
                );
                assert_ne!(miss[0], 0);
            }
        }
    }
}
