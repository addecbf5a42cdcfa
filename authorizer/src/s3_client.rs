//! The S3 client: the SDK's, with everything left out that a Lambda function's cold start would pay for
//! and has no use for.
//!
//! Lambda passes region and credentials in the environment, so the SDK's search for them in files
//! and metadata services is left out. The CAs are compiled in (`roots/README.md`), so the platform's store
//! is not read. What it speaks HTTP and TLS with is in `http_client`: `ring` is the TLS provider, and
//! the price is that there is no post-quantum key exchange.

use std::path::Path;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, IdentityCache, Region, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};
use lambda_runtime::Error;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::http_client::http_client;

/// A client by the environment variables that `lookup` finds. Asks nobody anything.
///
/// # Errors
/// A variable that Lambda sets is missing, or the CA bundle that one names cannot be used.
pub(crate) fn s3_client(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Client, Error> {
    let variable = |name| lookup(name).filter(|value| !value.is_empty());
    let required = |name| {
        variable(name)
            .ok_or_else(|| format!("{name} is not set: Lambda sets it for every function"))
    };
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        variable("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let ca_bundle = CA_BUNDLE_VARIABLES
        .into_iter()
        .find_map(|name| Some((name, variable(name)?)));
    let roots = match ca_bundle {
        Some((name, path)) => roots_in(Path::new(&path))
            .map_err(|problem| format!("the CA bundle that {name} names, {path}: {problem}"))?,
        None => amazon_trust_services()?,
    };
    let endpoint = variable("AWS_ENDPOINT_URL_S3").or_else(|| variable("AWS_ENDPOINT_URL"));
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(required("AWS_REGION")?))
        .credentials_provider(credentials)
        .identity_cache(IdentityCache::no_cache())
        .http_client(http_client(roots)?)
        // The snapshot brings a checksum of its own, and whoever reads it has a deadline.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(3)
                .with_initial_backoff(Duration::from_millis(50)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(1))
                .read_timeout(Duration::from_secs(3))
                .build(),
        );
    config.set_endpoint_url(endpoint);
    Ok(Client::from_conf(config.build()))
}

/// Name a PEM file whose certificates take the place of the compiled-in CAs. The first is the AWS
/// command line's, the second OpenSSL's, which `crl-fetcher` obeys too.
const CA_BUNDLE_VARIABLES: [&str; 2] = ["AWS_CA_BUNDLE", "SSL_CERT_FILE"];

/// The CAs that the certificates of S3's public endpoints chain to.
fn amazon_trust_services() -> Result<RootCertStore, String> {
    roots(concat!(
        include_str!("../roots/amazon-root-ca-1.pem"),
        include_str!("../roots/amazon-root-ca-2.pem"),
        include_str!("../roots/amazon-root-ca-3.pem"),
        include_str!("../roots/amazon-root-ca-4.pem"),
        include_str!("../roots/starfield-services-root-ca-g2.pem"),
    ))
}

fn roots_in(path: &Path) -> Result<RootCertStore, String> {
    roots(&std::fs::read(path).map_err(|error| error.to_string())?)
}

/// Every certificate of a PEM text.
fn roots(pem: impl AsRef<[u8]>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem.as_ref()).enumerate() {
        let problem = |error: &dyn std::fmt::Display| format!("certificate {}: {error}", index + 1);
        let certificate = certificate.map_err(|error| problem(&error))?;
        roots.add(certificate).map_err(|error| problem(&error))?;
    }
    if roots.is_empty() {
        return Err("it holds no certificate in PEM".to_owned());
    }
    Ok(roots)
}
