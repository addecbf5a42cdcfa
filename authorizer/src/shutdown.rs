//! The last line of metrics, when Lambda is about to end the execution environment.

use std::sync::Arc;

use authorizer::Authorizer;
use lambda_extension::Extension;
use tokio::signal::unix::{SignalKind, signal};

use crate::now;

/// Asks Lambda to announce the end: it sends SIGTERM only to functions with an extension. This one, in
/// the process of the function, wants no events, so that no invocation costs anything for it.
///
/// Has to be done before the first event is asked for. Where it cannot, the counts of the last few
/// seconds are lost at the end, and nothing else is.
pub(crate) async fn announced() -> bool {
    let extension = Extension::new()
        .with_extension_name("crl-authorizer")
        .with_events(&[])
        .register();
    match extension.await {
        Ok(extension) => {
            // Waits for an event that never comes.
            tokio::spawn(extension.run());
            true
        }
        Err(error) => {
            tracing::warn!(%error, "no extension: the last metrics will be lost at shutdown");
            false
        }
    }
}

/// Prints the last metrics on SIGTERM, and ends the process.
pub(crate) async fn print_metrics_at_the_end(authorizer: Arc<Authorizer>) {
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => {
            terminated.recv().await;
            authorizer.print_metrics(now());
            std::process::exit(0);
        }
        Err(error) => tracing::warn!(%error, "no SIGTERM: the last metrics will be lost"),
    }
}
