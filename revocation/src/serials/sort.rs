//! Sorting numbers by their most significant bits: serial numbers are random or consecutive, so that
//! a few bits of `value - minimum` nearly tell the place of each.
//!
//! Many numbers are first parted into buckets that fit into the second-level cache, in place. A bucket
//! is spread over about as many slots as it has numbers, by way of a copy, and what is still out of
//! order then is a step or two from its place. Slots and buckets that take more than their share, as
//! in unusual distributions, are sorted by comparison.

use super::{Short, value};

/// Sorts in place; whether two numbers are equal. O(n log n), O(n) for evenly spread numbers.
pub(super) fn sort(numbers: &mut [Short]) -> bool {
    let is_ascending = |pair: &[Short]| value(pair[0]) < value(pair[1]);
    if numbers.windows(2).all(is_ascending) {
        return false;
    }
    if numbers.len() <= MAX_CACHED {
        let mut scratch = Scratch::default();
        scratch.copy.extend_from_slice(numbers);
        let digit = Digit::new(numbers.iter(), slot_bits(numbers.len()));
        return scratch.sort_copy(digit, numbers);
    }
    sort_parts(numbers, MAX_PARTITIONS)
}

fn sort_parts(numbers: &mut [Short], partitions: u32) -> bool {
    if partitions == 0 {
        numbers.sort_unstable_by_key(|&number| value(number));
        return numbers.windows(2).any(|pair| pair[0] == pair[1]);
    }
    // Any digit that never decreases is right, so a sample is enough to find one that parts evenly.
    let step = numbers.len() / SAMPLE;
    let bits = bits_for(numbers.len() / CACHED).min(MAX_BUCKET_BITS);
    let digit = Digit::new(numbers.iter().step_by(step), bits);
    let Parted { blocks, rests } = part(numbers, digit);

    // From the last bucket to the first: each moves up by the rests of those before it.
    let mut has_equal = false;
    let mut scratch = Scratch::default();
    let mut end = numbers.len();
    let mut end_of_blocks: usize = blocks.iter().sum();
    for (bucket, (&blocks, rest)) in blocks.iter().zip(rests.buckets()).enumerate().rev() {
        let start_of_blocks = end_of_blocks - blocks;
        let start = end - blocks * BLOCK - rest.len();
        let whole = start_of_blocks * BLOCK..end_of_blocks * BLOCK;
        if end - start <= MAX_CACHED {
            scratch.copy.clear();
            scratch.copy.extend_from_slice(&numbers[whole]);
            scratch.copy.extend_from_slice(rest);
            let digit = digit.within(bucket, slot_bits(end - start));
            has_equal |= scratch.sort_copy(digit, &mut numbers[start..end]);
        } else {
            numbers.copy_within(whole, start);
            numbers[end - rest.len()..end].copy_from_slice(rest);
            has_equal |= sort_parts(&mut numbers[start..end], partitions - 1);
        }
        (end, end_of_blocks) = (start, start_of_blocks);
    }
    has_equal
}

/// Numbers in buckets: the whole blocks of each bucket in turn, and what is left of each.
struct Parted {
    /// How many blocks each bucket has.
    blocks: Vec<usize>,
    rests: Buffers,
}

/// Moves the numbers into buckets by way of one buffer for each, so that memory is read and written a
/// block at a time. The blocks take the first places; the places behind them mean nothing any more.
fn part(numbers: &mut [Short], digit: Digit) -> Parted {
    let mut buffers = Buffers::new(digit.count());
    let mut blocks = vec![0; digit.count()];
    let mut buckets = Vec::with_capacity(numbers.len() / BLOCK);
    for at in 0..numbers.len() {
        let number = numbers[at];
        let bucket = digit.of(number);
        if let Some(block) = buffers.push(bucket, number) {
            // No more than has been read comes back.
            let start = buckets.len() * BLOCK;
            numbers[start..start + BLOCK].copy_from_slice(block);
            buckets.push(bucket);
            blocks[bucket] += 1;
        }
    }
    let mut heads = starts(&blocks);
    let ends: Vec<_> = heads
        .iter()
        .zip(&blocks)
        .map(|(start, count)| start + count)
        .collect();
    for bucket in 0..heads.len() {
        while heads[bucket] < ends[bucket] {
            let at = heads[bucket];
            let belongs_to = buckets[at];
            let to = heads[belongs_to];
            heads[belongs_to] += 1;
            if to != at {
                buckets.swap(at, to);
                let (before, behind) = numbers.split_at_mut(to * BLOCK);
                before[at * BLOCK..][..BLOCK].swap_with_slice(&mut behind[..BLOCK]);
            }
        }
    }
    Parted {
        blocks,
        rests: buffers,
    }
}

/// A block for each bucket, in which its numbers are collected.
struct Buffers {
    numbers: Vec<Short>,
    filled: Vec<usize>,
}

impl Buffers {
    fn new(buckets: usize) -> Self {
        Self {
            numbers: vec![[0; 16]; buckets * BLOCK],
            filled: vec![0; buckets],
        }
    }

    /// The block that this number fills, if it does.
    #[inline]
    fn push(&mut self, bucket: usize, number: Short) -> Option<&[Short]> {
        let filled = &mut self.filled[bucket];
        self.numbers[bucket * BLOCK + *filled] = number;
        *filled += 1;
        if *filled < BLOCK {
            return None;
        }
        *filled = 0;
        Some(&self.numbers[bucket * BLOCK..][..BLOCK])
    }

    /// What is in each of them.
    fn buckets(&self) -> impl DoubleEndedIterator<Item = &[Short]> + ExactSizeIterator {
        let blocks = self.numbers.chunks_exact(BLOCK).zip(&self.filled);
        blocks.map(|(block, &filled)| &block[..filled])
    }
}

/// What is used again for each bucket.
#[derive(Default)]
struct Scratch {
    copy: Vec<Short>,
    slots: Vec<u32>,
}

impl Scratch {
    /// Writes the copy in ascending order; whether two numbers are equal. `digit` is a guess.
    fn sort_copy(&mut self, digit: Digit, sorted: &mut [Short]) -> bool {
        let mut digit = digit;
        let mut greatest = self.count(digit);
        if greatest > SMALL {
            digit = Digit::new(self.copy.iter(), digit.bits());
            greatest = self.count(digit);
        }
        let Self { copy, slots } = self;
        let mut total = 0;
        for slot in &mut *slots {
            (*slot, total) = (total, total + *slot);
        }
        for &number in &*copy {
            let slot = &mut slots[digit.of(number)];
            sorted[index(*slot)] = number;
            *slot += 1;
        }
        if greatest > SMALL {
            let mut start = 0;
            for &end in &*slots {
                if end - start > SMALL {
                    let slot = &mut sorted[index(start)..index(end)];
                    slot.sort_unstable_by_key(|&number| value(number));
                }
                start = end;
            }
        }
        insert(sorted)
    }

    /// How many numbers have each digit, and how many have the most frequent one.
    fn count(&mut self, digit: Digit) -> u32 {
        self.slots.clear();
        self.slots.resize(digit.count(), 0);
        for &number in &self.copy {
            self.slots[digit.of(number)] += 1;
        }
        self.slots.iter().max().copied().unwrap_or(0)
    }
}

fn index(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// Where each part starts, if they have these lengths.
fn starts(lengths: &[usize]) -> Vec<usize> {
    let mut total = 0;
    let start = |&length: &usize| {
        total += length;
        total - length
    };
    lengths.iter().map(start).collect()
}

/// Sorts numbers that are within [`SMALL`] steps from their places; whether two are equal.
fn insert(numbers: &mut [Short]) -> bool {
    let mut has_equal = false;
    let Some(&first) = numbers.first() else {
        return false;
    };
    let mut before = value(first);
    for at in 1..numbers.len() {
        let number = value(numbers[at]);
        if number > before {
            before = number;
            continue;
        }
        let mut to = at;
        while to > 0 && value(numbers[to - 1]) > number {
            numbers[to] = numbers[to - 1];
            to -= 1;
        }
        numbers[to] = number.to_ne_bytes();
        has_equal |= to > 0 && value(numbers[to - 1]) == number;
    }
    has_equal
}

/// A few bits of a number that never decrease as the number grows.
#[derive(Clone, Copy)]
struct Digit {
    minimum: u128,
    shift: u32,
    greatest: u64,
}

impl Digit {
    /// `bits` bits of what the numbers, of which there is one, differ in.
    fn new<'a>(numbers: impl Iterator<Item = &'a Short>, bits: u32) -> Self {
        let bounds = |(least, greatest): (u128, u128), &number: &Short| {
            (least.min(value(number)), greatest.max(value(number)))
        };
        let (minimum, maximum) = numbers.fold((u128::MAX, 0), bounds);
        let span_bits = 128 - maximum.saturating_sub(minimum).leading_zeros();
        Self {
            minimum,
            shift: span_bits.saturating_sub(bits),
            greatest: (1 << bits) - 1,
        }
    }

    /// `bits` bits of what numbers with that digit differ in.
    fn within(&self, digit: usize, bits: u32) -> Self {
        let digit = u128::try_from(digit).unwrap_or(0);
        Self {
            minimum: self.minimum.saturating_add(digit << self.shift),
            shift: self.shift.saturating_sub(bits),
            greatest: (1 << bits) - 1,
        }
    }

    const fn bits(&self) -> u32 {
        self.greatest.count_ones()
    }

    const fn count(&self) -> usize {
        1 << self.bits()
    }

    /// Below and above the bounds, which may be those of a sample, it is the least or the greatest.
    #[inline]
    fn of(&self, number: Short) -> usize {
        let offset = value(number).saturating_sub(self.minimum) >> self.shift;
        let digit = offset.min(u128::from(self.greatest));
        usize::try_from(digit).unwrap_or(0)
    }
}

/// As many bits as there are numbers, or half of them.
const fn slot_bits(count: usize) -> u32 {
    bits_for(count) + 1
}

/// So many bits that each value of them stands for one of `count` things, or for two.
const fn bits_for(count: usize) -> u32 {
    match count.checked_ilog2() {
        Some(bits) if bits < MAX_BITS => bits,
        Some(_) => MAX_BITS,
        None => 0,
    }
}

/// How many numbers a bucket is to have, and may have: 64 KiB of them, 256 KiB.
const CACHED: usize = 4096;
const MAX_CACHED: usize = 4 * CACHED;
const MAX_BITS: u32 = 14;
const MAX_BUCKET_BITS: u32 = 9;
/// How many numbers are moved at once.
const BLOCK: usize = 64;
/// How often numbers are parted before they are sorted by comparison.
const MAX_PARTITIONS: u32 = 3;
const SAMPLE: usize = 1024;
/// So many numbers are sorted as fast by comparison.
const SMALL: u32 = 24;
