//! Packing: sorted serial numbers → the two planes of a set.

use std::ops::Range;

use super::elias_fano::Shape;
use super::wide::Wide;
use super::{Class, RevokedSet, SetError, class};
use crate::serial::SerialNumber;
use crate::serials::{Serials, Short, value};

impl RevokedSet<Vec<u8>> {
    /// As [`Self::pack`], for numbers that are at hand one by one.
    ///
    /// # Errors
    /// As [`Self::pack`].
    pub fn from_serials(serials: Vec<SerialNumber>) -> Result<Self, SetError> {
        Self::pack(serials.into_iter().collect())
    }

    /// Packs serial numbers, in any order, duplicates allowed. Sorts them if they are not: O(n log n).
    /// The second plane is written over the numbers, the first one is allocated at its size.
    ///
    /// # Errors
    /// More than 2^32 − 1 of one length.
    pub fn pack(serials: Serials) -> Result<Self, SetError> {
        let (short, long) = serials.into_sorted();
        let short_classes = classes_of_short(&short)?;
        let long_classes = classes_of_long(&long)?;
        let classes = || short_classes.iter().chain(&long_classes);
        let header = 8 + classes().count() * Class::OCTETS;
        let sequences = classes().map(|class| class.shape.first_octets());
        let size = sequences.sum::<Option<usize>>();
        let size = size.and_then(|size| size.checked_add(header));

        let mut first = Vec::with_capacity(size.ok_or(SetError::TooMany)?);
        let present = classes().fold(0_u64, |present, class| present | 1 << class.number);
        first.extend_from_slice(&present.to_le_bytes());
        first.resize(header, 0);
        let describe = |class: &Members, first: &mut Vec<u8>, at: usize, second: usize| {
            let stored = class.describe(first.len() - header, second)?;
            first[at..at + Class::OCTETS].copy_from_slice(&stored);
            Ok(())
        };
        let mut descriptions = (8..header).step_by(Class::OCTETS);

        let mut second = short.into_flattened();
        let mut end = 0;
        for (class, at) in short_classes.iter().zip(&mut descriptions) {
            let members = 16 * class.members.start..16 * class.members.end;
            end = class
                .shape
                .write_over(&mut second, members, end, &mut first);
            describe(class, &mut first, at, end)?;
        }
        second.truncate(end);
        for (class, at) in long_classes.iter().zip(&mut descriptions) {
            let members = long[class.members.clone()].iter();
            let offsets = members.map(|member| Wide::from(member).minus(class.minimum));
            class.shape.write(offsets, &mut first, &mut second);
            describe(class, &mut first, at, second.len())?;
        }
        // Random numbers fill nearly all of it, and moving them would cost more than the rest is
        // worth; numbers close together leave most of it empty.
        if second.capacity() / 2 > second.len() {
            second.shrink_to_fit();
        }
        Ok(Self { first, second })
    }
}

/// The members of one class, by their places among the sorted numbers.
struct Members {
    number: u32,
    members: Range<usize>,
    minimum: Wide,
    shape: Shape,
}

impl Members {
    fn new(number: u32, members: Range<usize>, bounds: [Wide; 2]) -> Result<Self, SetError> {
        let [minimum, maximum] = bounds;
        let shape = Shape::new(members.len(), maximum.minus(minimum)).ok_or(SetError::TooMany)?;
        Ok(Self {
            number,
            members,
            minimum,
            shape,
        })
    }

    /// See the grammar above [`RevokedSet`].
    fn describe(
        &self,
        first_end: usize,
        second_end: usize,
    ) -> Result<[u8; Class::OCTETS], SetError> {
        let mut octets = [0; Class::OCTETS];
        let end = |end: usize| u64::try_from(end).map_err(|_| SetError::TooMany);
        octets[..4].copy_from_slice(&self.shape.count().to_le_bytes());
        octets[4] = self.shape.low_bits();
        octets[8..16].copy_from_slice(&end(first_end)?.to_le_bytes());
        octets[16..24].copy_from_slice(&end(second_end)?.to_le_bytes());
        octets[24..44].copy_from_slice(&self.minimum.to_be_20());
        octets[44..].copy_from_slice(&self.shape.span().to_be_20());
        Ok(octets)
    }
}

fn classes_of_short(sorted: &[Short]) -> Result<Vec<Members>, SetError> {
    let mut classes = Vec::new();
    let mut start = 0;
    for length in 0..=16 {
        let is_within = |&short: &Short| value(short).checked_shr(8 * length).unwrap_or(0) == 0;
        let end = start + sorted[start..].partition_point(is_within);
        if let (Some(&least), Some(&greatest)) = (sorted[start..end].first(), sorted[..end].last())
        {
            let bounds = [least, greatest].map(|short| Wide::from(value(short)));
            classes.push(Members::new(length, start..end, bounds)?);
        }
        start = end;
    }
    Ok(classes)
}

fn classes_of_long(sorted: &[SerialNumber]) -> Result<Vec<Members>, SetError> {
    let mut classes = Vec::new();
    let mut start = 0;
    for members in sorted.chunk_by(|a, b| class(a) == class(b)) {
        let end = start + members.len();
        if let (Some(least), Some(greatest)) = (members.first(), members.last()) {
            let bounds = [least, greatest].map(Wide::from);
            classes.push(Members::new(class(least), start..end, bounds)?);
        }
        start = end;
    }
    Ok(classes)
}
