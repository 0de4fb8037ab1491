//! Plain HTTP answers, and the answers that both addresses give.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};

use super::state::{ServerState, Stage};
use crate::metrics::{Metrics, TaskState, prometheus};

/// An answer whose body is complete.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Whether a method only reads. Other methods are refused.
pub(super) fn is_reading(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Reports whether the server is alive: the answer itself proves most of it. A server that has lost
/// a task for good must be started again.
pub(super) fn healthz(metrics: &Metrics) -> Answer {
    match failed_tasks(metrics, |state| state == TaskState::Ended) {
        Some(failed) => text(StatusCode::SERVICE_UNAVAILABLE, failed),
        None => text(StatusCode::OK, "ok"),
    }
}

/// Reports whether the server accepts new connections, and all its tasks run.
pub(super) fn readyz(state: &ServerState, metrics: &Metrics) -> Answer {
    if state.stage() == Stage::Draining {
        return text(StatusCode::SERVICE_UNAVAILABLE, "draining");
    }
    if metrics.data.stopped.get() > 0 {
        let reason = "the log on disk cannot be written: updates wait, publishes are refused";
        return text(StatusCode::SERVICE_UNAVAILABLE, reason);
    }
    if metrics.data.disk.is_hanging() {
        let reason = "the log's disk gives no answer: updates wait";
        return text(StatusCode::SERVICE_UNAVAILABLE, reason);
    }
    if let Some(cluster) = &metrics.cluster
        && (cluster.connected.get() == 0 || cluster.member.get() == 0)
    {
        let reason = "the stream of the cluster is not reached: updates wait";
        return text(StatusCode::SERVICE_UNAVAILABLE, reason);
    }
    match failed_tasks(metrics, |state| state != TaskState::Running) {
        Some(failed) => text(StatusCode::SERVICE_UNAVAILABLE, failed),
        None if metrics.data.off.get() > 0 => text(
            StatusCode::OK,
            "ready, without the log on disk: start it again",
        ),
        None => text(StatusCode::OK, "ready"),
    }
}

/// A line for each task in such a state; `None` if there is none.
fn failed_tasks(metrics: &Metrics, is_failed: impl Fn(TaskState) -> bool) -> Option<String> {
    let line = |name: &str, state| match state {
        TaskState::Ended => format!("{name} has failed; the server must be started again"),
        _ => format!("{name} has failed and is started again"),
    };
    let tasks = metrics.tasks.iter().map(|task| (task, task.state()));
    let failed = tasks.filter(|(_, state)| is_failed(*state));
    let lines: Vec<_> = failed
        .map(|(task, state)| line(&task.name, state))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// All metrics, for Prometheus.
pub(super) fn metrics(metrics: &Arc<Metrics>) -> Answer {
    let text = prometheus::text(metrics);
    typed(StatusCode::OK, prometheus::CONTENT_TYPE, text)
}

/// The nodes of the cluster and what they do, as JSON.
pub(super) fn cluster(metrics: &Metrics) -> Answer {
    match &metrics.cluster {
        Some(cluster) => typed(StatusCode::OK, "application/json", cluster.told()),
        None => {
            let reason = "this server is no node of a cluster: see cluster_servers";
            text(StatusCode::NOT_FOUND, reason)
        }
    }
}

/// An answer in plain text.
pub(super) fn text(status: StatusCode, body: impl Into<String>) -> Answer {
    let mut body = body.into();
    if !body.ends_with('\n') {
        body.push('\n');
    }
    typed(status, "text/plain; charset=utf-8", body)
}

/// An answer with a content type. It must not be cached.
pub(super) fn typed(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// When a client that is refused should try again: others may have left then.
const RETRY_AFTER_S: &str = "5";

/// A refusal that does not last.
pub(super) fn try_later(status: StatusCode, reason: impl Into<String>) -> Answer {
    retry_after(text(status, reason), RETRY_AFTER_S)
}

pub(super) fn retry_after(mut answer: Answer, seconds: &'static str) -> Answer {
    let seconds = HeaderValue::from_static(seconds);
    answer.headers_mut().insert(RETRY_AFTER, seconds);
    answer
}

/// Says after which time it is worth to try again, in whole seconds.
pub(super) fn retry_in(mut answer: Answer, wait: Duration) -> Answer {
    let seconds = HeaderValue::from(wait.as_secs() + 1);
    answer.headers_mut().insert(RETRY_AFTER, seconds);
    answer
}
