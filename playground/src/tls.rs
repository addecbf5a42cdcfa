//! Mutual TLS: the gateway's side as API Gateway does it, and the client's side for the story.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use testkit::pki::{Ca, Leaf};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Requires a client certificate that chains to one of `truststore`. It is not given any CRL: API
/// Gateway "doesn't verify if a certificate has been revoked", which is what all of this is about.
pub(crate) fn server_config(truststore: &[&Ca], server: &Leaf) -> Result<ServerConfig, Error> {
    let roots = Arc::new(root_store(truststore)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build()?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(server), private_key(server)?)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Trusts `server_ca`, and shows the client's certificate if there is one.
pub(crate) fn client_config(server_ca: &Ca, client: Option<&Leaf>) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(root_store(&[server_ca])?);
    Ok(match client {
        Some(leaf) => builder.with_client_auth_cert(chain(leaf), private_key(leaf)?)?,
        None => builder.with_no_client_auth(),
    })
}

/// Named explicitly: with two providers in a build, rustls has no default.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

fn root_store(cas: &[&Ca]) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for ca in cas {
        roots.add(CertificateDer::from(ca.certificate_der().to_vec()))?;
    }
    Ok(roots)
}

fn chain(leaf: &Leaf) -> Vec<CertificateDer<'static>> {
    vec![CertificateDer::from(leaf.certificate_der().to_vec())]
}

fn private_key(leaf: &Leaf) -> Result<PrivateKeyDer<'static>, Error> {
    Ok(PrivateKeyDer::from_pem_slice(leaf.key_pem().as_bytes())?)
}
