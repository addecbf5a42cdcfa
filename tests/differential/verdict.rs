//! What is compared: three verdicts, and who gives them.

/// What is said of a client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Revoked,
    Unknown,
}

/// A verdict and the reason that came with it.
#[derive(Clone, Debug)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
}

impl Judgement {
    pub(crate) fn new(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            reason: reason.into(),
        }
    }

    /// What follows from one judgement for each path: one good path is enough.
    pub(crate) fn of_paths(paths: Vec<Self>) -> Self {
        let all_are = |verdict| paths.iter().all(|path| path.verdict == verdict);
        let verdict = if paths.iter().any(|path| path.verdict == Verdict::Good) {
            Verdict::Good
        } else if all_are(Verdict::Revoked) {
            Verdict::Revoked
        } else {
            Verdict::Unknown
        };
        let reasons: Vec<_> = paths.into_iter().map(|path| path.reason).collect();
        Self::new(verdict, reasons.join(" | "))
    }
}

/// Another implementation, and how far it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rival {
    /// rustls-webpki, the client certificate only.
    WebpkiLeaf,
    /// rustls-webpki, with every CA certificate below the root.
    WebpkiChain,
    /// `openssl verify -crl_check`: the client certificate only.
    OpensslLeaf,
    /// `openssl verify -crl_check_all`, with every CA certificate, the root's own included.
    OpensslChain,
}

impl Rival {
    pub(crate) fn is_openssl(self) -> bool {
        matches!(self, Self::OpensslLeaf | Self::OpensslChain)
    }

    pub(crate) fn is_chain(self) -> bool {
        matches!(self, Self::WebpkiChain | Self::OpensslChain)
    }
}
