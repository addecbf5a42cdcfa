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

#[cfg(test)]
mod tests {
    use super::{hex, hexadecimal};

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
