//! The invocation that a task works on: its event, and which one a log line belongs to.
//!
//! The runtime would deserialize the event, which for any type of ours is a walk through all of it, a
//! copy, and another walk for the few members that are read; and its `TracingLayer` would format and
//! keep a span with every invocation, whether or not anything is logged. Both were a good part of what
//! a warm invocation took beyond one of a function that does nothing (`BENCHMARKS.md`). Here the octets
//! and the invocation's context are only kept at hand: [`crate::event`] reads the former, and whoever
//! is about to log makes the span.

use std::cell::OnceCell;

use bytes::Bytes;
use lambda_runtime::layers::trace::request_span;
use lambda_runtime::{Context, LambdaInvocation};
use tracing::Span;

tokio::task_local! {
    /// In a box, since it changes places each time the work is polled.
    static CURRENT: Box<Current>;
}

struct Current {
    event: Bytes,
    /// From when the handler has it.
    context: OnceCell<Context>,
}

/// Takes the event out of the invocation and leaves `null` in its place.
pub fn take_event(invocation: &mut LambdaInvocation) -> Bytes {
    std::mem::replace(&mut invocation.body, Bytes::from_static(b"null"))
}

/// Does that work for the invocation with that event. What is here is of the invocation in it, but not
/// in tasks that the work spawns.
pub fn within<F: Future>(event: Bytes, work: F) -> impl Future<Output = F::Output> {
    let context = OnceCell::new();
    CURRENT.scope(Box::new(Current { event, context }), work)
}

/// The octets of the event; from now on [`span`] is of that context. Outside of an invocation there
/// are none.
pub fn begin(context: Context) -> Bytes {
    let begun = CURRENT.try_with(|current| {
        // An invocation has one handler, and one context.
        let _ = current.context.set(context);
        current.event.clone()
    });
    begun.unwrap_or_default()
}

/// For the lines that are about to be logged: with Lambda's request ID and X-Ray's trace ID, as the
/// runtime's own. Outside of an invocation it is none, and lines have nothing of it.
pub fn span() -> Span {
    let span = CURRENT.try_with(|current| current.context.get().map(request_span));
    span.ok().flatten().unwrap_or_else(Span::none)
}
