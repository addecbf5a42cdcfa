//! TLS in front of the S3: a private CA and a certificate for the loopback address.

use std::io::Write;
use std::sync::Arc;

use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;

use crate::pki::{Ca, CrlDistributionPoints, GeneralName, LeafOptions, der, oid};

pub(super) struct Https {
    acceptor: TlsAcceptor,
    ca_pem: String,
    /// The CA's certificate for other processes, for as long as the server is there.
    ca_bundle: NamedTempFile,
}

impl Https {
    pub(super) fn new() -> Self {
        let ca = Ca::root("In-process S3 CA");
        let ca_pem = ca.certificate_pem();
        let mut ca_bundle = NamedTempFile::new().expect("a temporary file");
        ca_bundle
            .write_all(ca_pem.as_bytes())
            .expect("write the CA's certificate");
        let config = server_config(&ca);
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            ca_pem,
            ca_bundle,
        }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// A PEM file with the certificate of the server's CA.
    pub(super) fn ca_bundle(&self) -> &str {
        let path = self.ca_bundle.path();
        path.to_str().expect("a temporary directory in UTF-8")
    }

    /// A client that trusts the server's CA and no other.
    pub(super) fn client(&self) -> SharedHttpClient {
        let trust_store = TrustStore::empty().with_pem_certificate(self.ca_pem.as_str());
        let context = TlsContext::builder().with_trust_store(trust_store).build();
        aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(context.expect("a trust store is all it has"))
            .build_https()
    }
}

fn server_config(ca: &Ca) -> ServerConfig {
    let leaf = ca.issue_with(
        "In-process S3",
        LeafOptions {
            subject_alt_names: Some(vec![GeneralName::Der(der::implicit(7, &[127, 0, 0, 1]))]),
            extended_key_usage: vec![oid::SERVER_AUTH.to_owned()],
            crl_distribution_points: CrlDistributionPoints::Absent,
            ..LeafOptions::current()
        },
    );
    let key = PrivateKeyDer::from_pem_slice(leaf.key_pem().as_bytes()).expect("PKCS #8");
    let chain = vec![CertificateDer::from(leaf.certificate_der().to_vec())];
    // Named explicitly: with two providers in a build, rustls has no default.
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate and its key");
    // S3 speaks no HTTP/2 either.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}
