//! Octets as people read them.

/// Writes octets into `digits` in lower-case hexadecimal, two digits each, and returns these. What
/// does not fit is left out.
pub fn hex<'d>(octets: &[u8], digits: &'d mut [u8]) -> &'d str {
    let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
    let mut written = 0;
    for (pair, octet) in digits.as_chunks_mut().0.iter_mut().zip(octets) {
        *pair = [digit(octet >> 4), digit(octet & 15)];
        written += 2;
    }
    std::str::from_utf8(&digits[..written]).unwrap_or_default()
}

/// All of the octets in the same form, as a text of its own.
pub fn hexadecimal(octets: &[u8]) -> String {
    hex(octets, &mut vec![0; 2 * octets.len()]).to_owned()
}

/// Reads hexadecimal digits of either case; an odd number of them as with a zero before the first.
/// `None`: there are none, or anything else.
pub fn read_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().map(|digit| char::from(digit).to_digit(16));
    let digits: Vec<u8> = digits
        .map(|digit| u8::try_from(digit?).ok())
        .collect::<Option<_>>()?;
    let (odd, pairs) = digits.split_at(digits.len() % 2);
    let pairs = pairs.chunks(2).map(|pair| pair[0] << 4 | pair[1]);
    (!digits.is_empty()).then(|| odd.iter().copied().chain(pairs).collect())
}

#[cfg(test)]
mod tests {
    use super::{hex, hexadecimal, read_hexadecimal};

    #[test]
    fn digits_of_either_case_are_read() {
        assert_eq!(read_hexadecimal("0aFf"), Some(vec![0x0a, 0xff]));
        assert_eq!(read_hexadecimal("aff"), Some(vec![0x0a, 0xff]));
        for text in ["", "0x1", "1 2", "é", "+1"] {
            assert_eq!(read_hexadecimal(text), None, "{text}");
        }
    }

    #[test]
    fn every_octet_has_two_digits() {
        let mut digits = [0; 8];
        assert_eq!(hex(&[0x00, 0x7f, 0xa0], &mut digits), "007fa0");
        assert_eq!(hex(&[1, 2, 3, 4, 5], &mut digits), "01020304");
        assert_eq!(hex(&[], &mut digits), "");
        assert_eq!(hexadecimal(&[1, 2, 3, 4, 0xff]), "01020304ff");
        assert_eq!(hexadecimal(&[]), "");
    }
}
