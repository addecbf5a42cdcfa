//! Work between a response and the next event.
//!
//! Lambda hands a response on when the runtime posts it, and freezes the execution environment only
//! when the runtime asks for the next event. In between is time that no client waits for: what has to
//! ask S3 is done then. An extension that hears of every invocation could do the same, for another call
//! to Lambda's API with each of them, and Lambda Managed Instances have no such event.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use authorizer::{Authorizer, invocation};
use lambda_runtime::tower::{Layer, Service};
use lambda_runtime::{Error, LambdaInvocation};

use crate::now;

/// Wraps the whole of an invocation, its response being posted included.
pub(crate) struct AfterResponse {
    pub(crate) authorizer: Arc<Authorizer>,
}

impl<S> Layer<S> for AfterResponse {
    type Service = WithAfterResponse<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WithAfterResponse {
            inner,
            authorizer: Arc::clone(&self.authorizer),
        }
    }
}

#[derive(Clone)]
pub(crate) struct WithAfterResponse<S> {
    inner: S,
    authorizer: Arc<Authorizer>,
}

impl<S> Service<LambdaInvocation> for WithAfterResponse<S>
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut invocation: LambdaInvocation) -> Self::Future {
        let event = invocation::take_event(&mut invocation);
        let posted = self.inner.call(invocation);
        let authorizer = Arc::clone(&self.authorizer);
        Box::pin(invocation::within(event, async move {
            let result = posted.await;
            authorizer.after_response(now()).await;
            result
        }))
    }
}
