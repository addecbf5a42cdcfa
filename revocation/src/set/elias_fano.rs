//! A strictly ascending sequence of numbers, as Elias (1974) and Fano (1971) stored it.
//!
//! Each number is cut in two. The low `l` bits stand side by side. The high bits are few different
//! values, 0 to `z`, so they are written in unary: number `i` with high part `h` sets bit `h + i`.
//! The zeros then separate the buckets of equal high parts: bucket `h` starts after zero `h - 1`.
//! `l` is the greatest with `span >> l >= count`, so there are fewer than two zeros a number.
//!
//! To find zero `h - 1` without a scan, every 512th position has a sample of how many zeros precede
//! it. A search among the samples starts where evenly spread numbers would have the zero and
//! gallops from there, so that it takes one step for random serial numbers and O(log n) for any.
//! A bucket is searched by halving, so that clustered serial numbers take O(log n) too.
//!
//! The low bits are cut once more, which makes two planes of a sequence. The first one, with their
//! upper 8 bits, can be searched alone: it says of all but about one in 170 random numbers outside
//! the sequence that they are not in it, and takes a tenth of the room.
//!
//! ```text
//! struct {
//!     uint64  high[ceil((count + z) / 64)];       // bit b of word w is position 64 w + b; z = span >> l
//!     uint32  zeros_before[ceil(len(high) / 8)];  // in the words before word 8 i
//!     opaque  middle[ceil(count * m / 8)];        // the upper m = min(l, 8) of the low bits
//! } FirstPlane;
//!
//! struct {
//!     opaque  rest[ceil(count * (l - m) / 8)];    // the others
//! } SecondPlane;
//! ```
//!
//! Groups of bits stand side by side, least significant bit first, padded with 0 to an octet.

use std::cmp::Ordering;
use std::ops::Range;

use super::wide::Wide;

/// What the layout of a sequence follows from.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    count: u32,
    low_bits: u8,
    span: Wide,
    /// The greatest high part, which is how many zeros separate buckets: under 2 × count.
    zeros: u64,
}

impl Shape {
    /// For `count` numbers of which the first is 0 and the last is `span`. `None` for no numbers, or
    /// more than 2^32 − 1.
    pub(super) fn new(count: usize, span: Wide) -> Option<Self> {
        let count = u32::try_from(count).ok().filter(|&count| count > 0)?;
        Some(Self::stored(count, low_bits(count, span), span))
    }

    /// As it was stored, whether or not a sequence has that shape. See [`Self::is_possible`].
    #[inline]
    pub(super) fn stored(count: u32, low_bits: u8, span: Wide) -> Self {
        let zeros = span.shifted_down(low_bits).unwrap_or(0);
        Self {
            count,
            low_bits,
            span,
            zeros: zeros.min(u64::from(count) * 2),
        }
    }

    /// Whether there are ascending sequences of that shape, and their low bits are so many.
    pub(super) fn is_possible(&self) -> bool {
        let Self {
            count,
            low_bits: stored,
            span,
            ..
        } = *self;
        count > 0
            && span >= Wide::from(u64::from(count) - 1)
            && (count > 1 || span == Wide::ZERO)
            && low_bits(count, span) == stored
    }

    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    pub(super) const fn low_bits(&self) -> u8 {
        self.low_bits
    }

    pub(super) const fn span(&self) -> Wide {
        self.span
    }

    /// How many octets the first plane takes; `None` where this machine has no such number.
    pub(super) fn first_octets(&self) -> Option<usize> {
        self.high_words()
            .checked_mul(8)?
            .checked_add(self.samples().checked_mul(4)?)?
            .checked_add(self.packed_octets(self.middle_bits()))
    }

    /// How many octets the second plane takes.
    pub(super) fn second_octets(&self) -> usize {
        self.packed_octets(self.rest_bits())
    }

    /// Appends the planes of the sequence of those numbers, which must be as many as and end as the
    /// shape says.
    pub(super) fn write(
        &self,
        numbers: impl Iterator<Item = Wide>,
        first: &mut Vec<u8>,
        second: &mut Vec<u8>,
    ) {
        let (middle_bits, rest_bits) = (self.middle_bits(), self.rest_bits());
        let mut high = vec![0_u64; self.high_words()];
        let mut middle = BitWriter::with_capacity(self.packed_octets(middle_bits));
        let mut rest = BitWriter::with_capacity(self.packed_octets(rest_bits));
        for (index, number) in (0_u64..).zip(numbers) {
            let position = number.shifted_down(self.low_bits).unwrap_or(0) + index;
            if let Some(word) = high.get_mut(index_of(position / 64)) {
                *word |= 1 << (position % 64);
            }
            let low = number.low(self.low_bits);
            middle.push(low.shift_right(rest_bits), middle_bits);
            rest.push(low.low(rest_bits), rest_bits);
        }
        first.extend(high.iter().flat_map(|word| word.to_le_bytes()));
        let mut zeros = 0_u32;
        for block in high.chunks(WORDS_PER_SAMPLE) {
            first.extend_from_slice(&zeros.to_le_bytes());
            zeros += block.iter().map(|word| word.count_zeros()).sum::<u32>();
        }
        first.extend_from_slice(&middle.finish());
        second.extend_from_slice(&rest.finish());
    }

    /// As [`Self::write`], for the numbers of up to 16 octets that `octets` has in `members`, each in
    /// the machine's order, less the first of them. Appends the first plane; writes the second one
    /// over them from `start` on, which is not behind them, and returns where it ends.
    pub(super) fn write_over(
        &self,
        octets: &mut [u8],
        members: Range<usize>,
        start: usize,
        first: &mut Vec<u8>,
    ) -> usize {
        let (middle_bits, rest_bits) = (self.middle_bits(), self.rest_bits());
        let [low_mask, rest_mask] = [self.low_bits, rest_bits].map(|bits| (1_u128 << bits) - 1);
        let (samples, middle) = (self.samples() * 4, self.packed_octets(middle_bits));
        let high = self.high_words() * 8;
        let before = first.len();
        first.resize(before + high + samples + middle, 0);
        let (high, after) = first[before..].split_at_mut(high);
        let (samples, middle) = after.split_at_mut(samples);

        let mut word = Word::default();
        let (mut end, mut filled, mut pending) = (start, 0, 0_u128);
        let mut minimum = None;
        for (index, at) in (0..).zip(members.step_by(16)) {
            let number = number_at(octets, at);
            let offset = number.wrapping_sub(*minimum.get_or_insert(number));
            word.set(low_word(offset >> self.low_bits) + index, high);
            let low = offset & low_mask;
            put_bits(middle, index, low_word(low >> rest_bits), middle_bits);
            // Less than 16 octets for each number, so only such are written over that were read.
            let group = pending | (low & rest_mask) << filled;
            octets[end..end + 16].copy_from_slice(&group.to_le_bytes());
            filled += u32::from(rest_bits);
            pending = group >> (filled / 8 * 8);
            end += octets_of(filled / 8);
            filled %= 8;
        }
        word.flush(high);
        let mut zeros = 0_u32;
        for (block, sample) in high.chunks(8 * WORDS_PER_SAMPLE).zip(samples.chunks_mut(4)) {
            sample.copy_from_slice(&zeros.to_le_bytes());
            zeros += block.iter().map(|octet| octet.count_zeros()).sum::<u32>();
        }
        end + octets_of(filled.div_ceil(8))
    }

    #[inline]
    fn middle_bits(&self) -> u8 {
        self.low_bits.min(MIDDLE_BITS)
    }

    #[inline]
    const fn rest_bits(&self) -> u8 {
        self.low_bits.saturating_sub(MIDDLE_BITS)
    }

    /// How many positions of `high` are in use: the last one is a one.
    #[inline]
    fn high_bits(&self) -> u64 {
        u64::from(self.count).saturating_add(self.zeros)
    }

    #[inline]
    fn high_words(&self) -> usize {
        index_of(self.high_bits().div_ceil(64))
    }

    #[inline]
    fn samples(&self) -> usize {
        self.high_words().div_ceil(WORDS_PER_SAMPLE)
    }

    #[inline]
    fn packed_octets(&self, bits: u8) -> usize {
        index_of((u64::from(self.count) * u64::from(bits)).div_ceil(8))
    }
}

/// A shape and the octets that belong to it.
#[derive(Clone, Copy)]
pub(super) struct Sequence<'a> {
    shape: Shape,
    high: &'a [u8],
    samples: &'a [u8],
    middle: &'a [u8],
    /// `None` while the second plane is not there.
    rest: Option<&'a [u8]>,
}

impl<'a> Sequence<'a> {
    /// `first` should be [`Shape::first_octets`] long; what is missing reads as zeros. A second
    /// plane that is not as long as it should be counts as missing.
    #[inline]
    pub(super) fn new(shape: Shape, first: &'a [u8], second: &'a [u8]) -> Self {
        let (high, after) = split_within(first, shape.high_words().saturating_mul(8));
        let (samples, middle) = split_within(after, shape.samples().saturating_mul(4));
        Self {
            shape,
            high,
            samples,
            middle,
            rest: (second.len() == shape.second_octets()).then_some(second),
        }
    }

    /// Whether the number is in the sequence. `None`: only the second plane can tell, and it is
    /// missing.
    #[inline]
    pub(super) fn find(&self, number: Wide) -> Option<bool> {
        if number > self.shape.span {
            return Some(false);
        }
        let (middle_bits, rest_bits) = (self.shape.middle_bits(), self.shape.rest_bits());
        // The bucket's number has at most 33 bits.
        let Some(bucket_and_middle) = number.shifted_down(rest_bits) else {
            return Some(false);
        };
        let bucket = bucket_and_middle >> middle_bits;
        let middle = bucket_and_middle & mask(middle_bits);
        let start = match bucket {
            0 => 0,
            _ => self.zero(bucket - 1) + 1,
        };
        let end = self.end_of_run(start, bucket);
        // As many zeros as the bucket's number precede its first position, the rest are members.
        let (Some(mut from), Some(mut to)) = (start.checked_sub(bucket), end.checked_sub(bucket))
        else {
            return Some(false);
        };
        while from < to {
            let at = from + (to - from) / 2;
            let order = match self.middle(at).cmp(&middle) {
                Ordering::Equal => self.rest(at)?.cmp(&number.low(rest_bits)),
                order => order,
            };
            match order {
                Ordering::Less => from = at + 1,
                Ordering::Equal => return Some(true),
                Ordering::Greater => to = at,
            }
        }
        Some(false)
    }

    /// The numbers, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = Wide> + use<'a> {
        let this = *self;
        let positions = (0..self.shape.high_words()).flat_map(move |index| {
            let mut word = this.high_word(index);
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros())?;
                word &= word - 1;
                u64::try_from(index)
                    .ok()
                    .map(|index| index * 64 + u64::from(bit))
            })
        });
        (0..u64::from(self.shape.count))
            .zip(positions)
            .map(move |(index, position)| {
                this.low(index)
                    .with_high(position.saturating_sub(index), this.shape.low_bits)
            })
    }

    /// Whether the octets are what [`Shape::write`] makes of the numbers they stand for. O(n).
    pub(super) fn is_canonical(&self) -> bool {
        let count = u64::from(self.shape.count);
        let (middle_bits, rest_bits) = (self.shape.middle_bits(), self.shape.rest_bits());
        self.high_is_canonical()
            && padding_is_zero(self.middle, count * u64::from(middle_bits))
            && self
                .rest
                .is_some_and(|rest| padding_is_zero(rest, count * u64::from(rest_bits)))
            && self.is_ascending()
    }

    fn high_is_canonical(&self) -> bool {
        let words = self.shape.high_words();
        let last = self.shape.high_bits() - 1;
        let last_word = self.high_word(index_of(last / 64));
        // The last position in use is a one, and what pads the last word is zero.
        if last_word >> (last % 64) != 1 {
            return false;
        }
        let mut zeros = 0_u64;
        for (block, index) in (0..words).step_by(WORDS_PER_SAMPLE).enumerate() {
            if u64::from(self.sample(block)) != zeros {
                return false;
            }
            let block = index..words.min(index + WORDS_PER_SAMPLE);
            zeros += block
                .map(|word| u64::from(self.high_word(word).count_zeros()))
                .sum::<u64>();
        }
        let padding = 63 - last % 64;
        zeros - padding == self.shape.zeros
    }

    fn is_ascending(&self) -> bool {
        let mut previous = None;
        for number in self.iter() {
            if previous.is_some_and(|previous| previous >= number) {
                return false;
            }
            if previous.is_none() && number != Wide::ZERO {
                return false;
            }
            previous = Some(number);
        }
        previous == Some(self.shape.span)
    }

    /// The position of zero number `index`, counted from 0. O(log n).
    #[inline]
    fn zero(&self, index: u64) -> u64 {
        let block = self.block_of_zero(index);
        let mut left = index.saturating_sub(u64::from(self.sample(block)));
        let first = block * WORDS_PER_SAMPLE;
        for at in first..first + WORDS_PER_SAMPLE {
            let zeros = !self.high_word(at);
            let count = u64::from(zeros.count_ones());
            if left < count {
                return u64::try_from(at).unwrap_or(0) * 64 + nth_one(zeros, left);
            }
            left -= count;
        }
        self.shape.high_bits()
    }

    /// The last block with no more than `index` zeros before it.
    #[inline]
    fn block_of_zero(&self, index: u64) -> usize {
        let blocks = self.shape.samples();
        let precedes = |block: usize| u64::from(self.sample(block)) <= index;
        // Blocks in 2^32nds for each zero. Evenly spread numbers would have the zero at `guess`; how
        // many zeros really precede it says how far to go from there.
        let zeros = self.shape.zeros.max(1);
        let ratio = (u64::try_from(blocks).unwrap_or(0) << 32) / zeros;
        let blocks_for = |zeros: u64| {
            let blocks = (u128::from(zeros) * u128::from(ratio)) >> 32;
            usize::try_from(blocks).unwrap_or(usize::MAX / 2)
        };
        let last = blocks.saturating_sub(1);
        let guess = blocks_for(index).min(last);
        let before = u64::from(self.sample(guess));
        let guess = match index.checked_sub(before) {
            Some(more) => (guess + blocks_for(more)).min(last),
            None => guess.saturating_sub(blocks_for(before - index)),
        };
        // `from` precedes, `to` does not or is the end.
        let (mut from, mut to) = (0, blocks);
        let mut step = 1;
        if precedes(guess) {
            from = guess;
            while from + step < to {
                if precedes(from + step) {
                    from += step;
                    step *= 2;
                } else {
                    to = from + step;
                }
            }
        } else {
            to = guess;
            while step < to {
                if precedes(to - step) {
                    from = to - step;
                    break;
                }
                to -= step;
                step *= 2;
            }
        }
        while to - from > 1 {
            let middle = from + (to - from) / 2;
            if precedes(middle) {
                from = middle
            } else {
                to = middle
            }
        }
        from
    }

    /// The position after the run of ones that starts at `start`, which is where `bucket` starts.
    #[inline]
    fn end_of_run(&self, start: u64, bucket: u64) -> u64 {
        let ones =
            u64::from((!(self.high_word(index_of(start / 64)) >> (start % 64))).trailing_zeros());
        if start % 64 + ones < 64 {
            start + ones
        } else if bucket < self.shape.zeros {
            self.zero(bucket)
        } else {
            self.shape.high_bits()
        }
    }

    #[inline]
    fn high_word(&self, index: usize) -> u64 {
        word_at(self.high, index.saturating_mul(8))
    }

    #[inline]
    fn sample(&self, block: usize) -> u32 {
        let stored = self
            .samples
            .get(block * 4..)
            .and_then(|octets| octets.first_chunk());
        stored.copied().map_or(0, u32::from_le_bytes)
    }

    /// The upper part of the low bits of number `index`.
    #[inline]
    fn middle(&self, index: u64) -> u64 {
        let bits = self.shape.middle_bits();
        let bit = index * u64::from(bits);
        (word_at(self.middle, index_of(bit / 8)) >> (bit % 8)) & mask(bits)
    }

    /// The lower part of the low bits of number `index`, if it is there.
    #[inline]
    fn rest(&self, index: u64) -> Option<Wide> {
        let bits = self.shape.rest_bits();
        let rest = self.rest?;
        let bit = index * u64::from(bits);
        let at = index_of(bit / 8);
        let words = [
            word_at(rest, at),
            word_at(rest, at + 8),
            // At most 7 bits to skip: two words hold 121 bits, three hold 152.
            if bits > 121 {
                word_at(rest, at + 16)
            } else {
                0
            },
        ];
        let skip = u8::try_from(bit % 8).unwrap_or(0);
        Some(Wide::from_low_first(words).shift_right(skip).low(bits))
    }

    /// The low bits of number `index`; the lower part reads as zero where it is missing.
    fn low(&self, index: u64) -> Wide {
        self.rest(index)
            .unwrap_or(Wide::ZERO)
            .with_high(self.middle(index), self.shape.rest_bits())
    }
}

/// The low bits of a word, up to [`MIDDLE_BITS`] of them.
#[inline]
const fn mask(bits: u8) -> u64 {
    (1 << bits) - 1
}

/// Whether the bits that pad `used` bits to whole octets are zeros.
fn padding_is_zero(octets: &[u8], used: u64) -> bool {
    match (octets.last(), used % 8) {
        (Some(octet), used @ 1..) => octet >> used == 0,
        _ => true,
    }
}

/// The greatest `l` with `span >> l >= count`, or 0.
#[inline]
fn low_bits(count: u32, span: Wide) -> u8 {
    let count_length = 32 - count.leading_zeros();
    let Some(candidate) = span.bit_length().checked_sub(count_length) else {
        return 0;
    };
    let candidate = u8::try_from(candidate).unwrap_or(u8::MAX);
    match span.shifted_down(candidate) {
        Some(high) if high < u64::from(count) => candidate.saturating_sub(1),
        _ => candidate,
    }
}

/// The position of one number `index`, counted from 0 and from the least significant bit: the octet
/// by prefix sums of all eight at once (Vigna, Broadword Implementation of Rank/Select Queries, 2008).
#[inline]
fn nth_one(word: u64, index: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = ONES << 7;
    let pairs = word - ((word >> 1) & 0x5555_5555_5555_5555);
    let nibbles = (pairs & 0x3333_3333_3333_3333) + ((pairs >> 2) & 0x3333_3333_3333_3333);
    // Octet i: how many ones are in octets 0 to i.
    let sums = ((nibbles + (nibbles >> 4)) & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(ONES);
    // How many of these are at most the index, times 8: where the octet begins.
    let at_most = ((index.wrapping_mul(ONES) | TOPS) - sums) & TOPS;
    let begin = ((at_most >> 7).wrapping_mul(ONES) >> 56) * 8;
    let before = ((sums << 8) >> (begin % 64)) & 0xff;
    let mut octet = (word >> (begin % 64)) & 0xff;
    for _ in before..index {
        octet &= octet.wrapping_sub(1);
    }
    begin + u64::from(octet.trailing_zeros())
}

/// Eight octets from `at`, little-endian; what is missing reads as zeros.
#[inline]
fn word_at(octets: &[u8], at: usize) -> u64 {
    let Some(rest) = octets.get(at..) else {
        return 0;
    };
    match rest.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => rest
            .iter()
            .rev()
            .fold(0, |word, &octet| (word << 8) | u64::from(octet)),
    }
}

#[inline]
fn split_within(octets: &[u8], at: usize) -> (&[u8], &[u8]) {
    octets.split_at(at.min(octets.len()))
}

/// An index of memory that exists; a position beyond it reads as zeros wherever it is used.
#[inline]
fn index_of(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX / 16)
}

/// The word of high bits that is being written: positions only grow.
#[derive(Default)]
struct Word {
    bits: u64,
    index: u64,
}

impl Word {
    #[inline]
    fn set(&mut self, position: u64, high: &mut [u8]) {
        if position / 64 != self.index {
            self.flush(high);
            *self = Self {
                bits: 0,
                index: position / 64,
            };
        }
        self.bits |= 1 << (position % 64);
    }

    fn flush(&self, high: &mut [u8]) {
        let at = index_of(self.index * 8);
        high[at..at + 8].copy_from_slice(&self.bits.to_le_bytes());
    }
}

/// Puts up to 8 bits in the place of group `index`, which has none yet.
#[inline]
fn put_bits(octets: &mut [u8], index: u64, group: u64, bits: u8) {
    let bit = index * u64::from(bits);
    let [low, high, ..] = (group << (bit % 8)).to_le_bytes();
    let at = index_of(bit / 8);
    if let Some(octet) = octets.get_mut(at) {
        *octet |= low;
    }
    if high != 0 {
        octets[at + 1] |= high;
    }
}

#[inline]
fn number_at(octets: &[u8], at: usize) -> u128 {
    let octets = octets[at..].first_chunk().copied();
    octets.map_or(0, u128::from_ne_bytes)
}

#[inline]
fn low_word(value: u128) -> u64 {
    u64::try_from(value & u128::from(u64::MAX)).unwrap_or(0)
}

#[inline]
fn octets_of(count: u32) -> usize {
    usize::try_from(count).unwrap_or(0)
}

/// Appends groups of bits, least significant bit first.
struct BitWriter {
    octets: Vec<u8>,
    pending: u64,
    filled: u32,
}

impl BitWriter {
    fn with_capacity(octets: usize) -> Self {
        Self {
            octets: Vec::with_capacity(octets.saturating_add(8)),
            pending: 0,
            filled: 0,
        }
    }

    fn push(&mut self, value: Wide, bits: u8) {
        let mut left = u32::from(bits);
        for word in value.to_low_first() {
            let count = left.min(64);
            if count == 0 {
                return;
            }
            self.pending |= word << self.filled;
            if self.filled + count < 64 {
                self.filled += count;
            } else {
                self.octets.extend_from_slice(&self.pending.to_le_bytes());
                let written = 64 - self.filled;
                self.pending = word.checked_shr(written).unwrap_or(0);
                self.filled = count - written;
            }
            left -= count;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let octets = index_of(u64::from(self.filled.div_ceil(8)));
        self.octets
            .extend_from_slice(&self.pending.to_le_bytes()[..octets]);
        self.octets
    }
}

const WORDS_PER_SAMPLE: usize = 8;
const MIDDLE_BITS: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_nth_one_is_found(word: u64, sparse: u64) {
            for word in [word, word & sparse, word | sparse, u64::MAX, 1 << (sparse % 64)] {
                let ones = (0..64).filter(|bit| word >> bit & 1 == 1);
                for (index, position) in (0..).zip(ones) {
                    prop_assert_eq!(nth_one(word, index), position);
                }
            }
        }
    }
}
