//! Which invocation a log line belongs to.
//!
//! The runtime's `TracingLayer` makes a span of every invocation, and formats and keeps the fields of
//! it whether or not anything is logged: a good part of what a warm invocation took beyond one of a
//! function that does nothing (`BENCHMARKS.md`). Nearly none logs anything, so here the invocation is
//! only kept at hand, and whoever is about to log makes the span.

use lambda_runtime::Context;
use lambda_runtime::layers::trace::request_span;
use tracing::Span;

tokio::task_local! {
    /// Of the invocation that this task works on at this moment.
    static CONTEXT: Context;
}

/// Does that work for that invocation: [`span`] in it is of the invocation. Not in tasks that the work
/// spawns.
pub fn within<F: Future>(context: Context, work: F) -> impl Future<Output = F::Output> {
    CONTEXT.scope(context, work)
}

/// For the lines that are about to be logged: with Lambda's request ID and X-Ray's trace ID, as the
/// runtime's own. Outside of an invocation it is none, and lines have nothing of it.
pub fn span() -> Span {
    CONTEXT
        .try_with(request_span)
        .unwrap_or_else(|_| Span::none())
}
