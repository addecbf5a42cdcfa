//! PEM as OpenSSL and API Gateway write it, read at once: lines of 64 characters of Base64, each with
//! the same line break. Whatever is written in another way is left to rustls-pki-types.

use base64_simd::STANDARD;

/// The DER of the certificate that the text begins with, where each line ends with `line_break`: a
/// line feed, or the two characters that it is in JSON. `None` does not mean that there is none.
pub(crate) fn first_certificate(text: &[u8], line_break: &[u8]) -> Option<Vec<u8>> {
    let body = text.strip_prefix(BEGIN)?.strip_prefix(line_break)?;
    let mut base64 = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((line, after)) = rest.split_first_chunk::<LINE>()
        && let Some(after) = after.strip_prefix(line_break)
    {
        base64.extend_from_slice(line);
        rest = after;
    }
    if !rest.starts_with(END) {
        // The last line, which is shorter. The alphabet has no hyphen and no backslash.
        let end = rest.iter().position(|octet| *octet == line_break[0])?;
        let (line, after) = rest.split_at(end);
        base64.extend_from_slice(line);
        rest = after.strip_prefix(line_break)?;
    }
    let after = rest.strip_prefix(END)?;
    if !after.is_empty() && after != line_break {
        return None;
    }
    let length = STANDARD.decode_inplace(&mut base64).ok()?.len();
    base64.truncate(length);
    Some(base64)
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";
/// RFC 7468 §2: generators wrap the text at that many characters.
const LINE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    fn pem(der: &[u8]) -> String {
        testkit::pki::der::pem("CERTIFICATE", der)
    }

    /// The careful way.
    fn plainly(text: &str) -> Option<Vec<u8>> {
        let der = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
        Some(der.to_vec())
    }

    #[test]
    fn every_length_is_read_in_text_and_in_json() {
        for length in 0..200_u8 {
            let der: Vec<u8> = (0..length).collect();
            let text = pem(&der);
            let escaped = text.replace('\n', r"\n");
            for text in [&text, text.trim_end()] {
                assert_eq!(first_certificate(text.as_bytes(), b"\n"), Some(der.clone()));
            }
            assert_eq!(first_certificate(escaped.as_bytes(), br"\n"), Some(der));
        }
    }

    #[test]
    fn what_is_written_in_another_way_is_left_to_the_careful_reader() {
        let usual = pem(&[7; 100]);
        for text in [
            format!("# a comment\n{usual}"),
            usual.replace('\n', "\r\n"),
            usual.replace("CERTIFICATE", "X509 CRL"),
            usual.replace('=', ""),
            usual.replacen("Bw", "Bw ", 1),
            usual.replace("-----END", "----END"),
            format!("{usual}{usual}"),
            usual.replacen('\n', "", 1),
        ] {
            assert_eq!(first_certificate(text.as_bytes(), b"\n"), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_the_careful_reader_reads(
            der in prop::collection::vec(any::<u8>(), 0..300),
            changes in prop::collection::vec(
                (any::<prop::sample::Index>(), 0_usize..2, "[A=\\-\\n\\r Bn\\\\]{0,2}"),
                0..3,
            ),
            copies in 1_usize..3,
        ) {
            let mut text = pem(&der).repeat(copies);
            for (at, removed, inserted) in changes {
                let at = at.index(text.len() - 1);
                text.replace_range(at..at + removed, &inserted);
            }
            if let Some(der) = first_certificate(text.as_bytes(), b"\n") {
                prop_assert_eq!(Some(der), plainly(&text));
            }
            // As a JSON string, where the text has no backslash of its own.
            let quoted = serde_json::to_string(&text).unwrap();
            let escaped = &quoted[1..quoted.len() - 1];
            if let Some(der) = first_certificate(escaped.as_bytes(), br"\n") {
                prop_assert_eq!(Some(der), plainly(&text));
            }
            // And any text taken for what stands between the quotation marks.
            if let Some(der) = first_certificate(text.as_bytes(), br"\n") {
                let meant: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
                prop_assert_eq!(Some(der), plainly(&meant));
            }
        }
    }
}
