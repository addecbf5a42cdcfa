//! What tests of revocations without a CRL share: a CA, two clients that are good by its CRL, and both
//! functions.

use revocation::UnixTime;
use system_tests::{Deployment, client, decide, refresh};
use testkit::lambda::Function;
use testkit::pki::{Ca, Leaf, LeafOptions};

pub(crate) struct Setting {
    pub(crate) deployment: Deployment,
    pub(crate) ca: Ca,
    pub(crate) alice: Leaf,
    pub(crate) bob: Leaf,
    pub(crate) fetcher: Function,
    pub(crate) authorizer: Function,
}

impl Setting {
    /// With these variables of the fetcher.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        let ca = Ca::root("Issuing CA");
        let deployment = Deployment::start(&[&ca]).await;
        deployment.publish(&ca.crl_key(), ca.crl().current().number(1).der());
        let fetcher = deployment.fetcher_with(variables).await;
        refresh(&fetcher).await;
        Self {
            alice: client(&ca, "alice"),
            bob: client(&ca, "bob"),
            fetcher,
            authorizer: deployment.authorizer().await,
            ca,
            deployment,
        }
    }

    /// About alice and bob.
    pub(crate) async fn decisions(&self) -> [String; 2] {
        [
            decide(&self.authorizer, &self.alice).await,
            decide(&self.authorizer, &self.bob).await,
        ]
    }
}

/// Certificates that are current are so since an hour ago.
pub(crate) fn now() -> UnixTime {
    UnixTime::from_seconds(LeafOptions::current().not_before + 3600)
}
