//! Waiting for what must happen, with a limit.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

/// A test fails if its next step takes longer than this.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The same for feeds: a broker may have to be started again, and the feed backs off meanwhile.
pub(crate) const FEED_DEADLINE: Duration = Duration::from_secs(60);

/// The same for a server that starts while its network fails.
pub(crate) const START_DEADLINE: Duration = Duration::from_secs(120);

/// Time between two looks at a condition.
pub const STEP: Duration = Duration::from_millis(10);

/// Waits for a future that must complete.
///
/// # Panics
///
/// After [`DEADLINE`].
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    within(DEADLINE, what, future).await
}

/// Waits for a future that must complete in time.
pub(crate) async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    let result = timeout(limit, future).await;
    result.unwrap_or_else(|_| panic!("it did not happen in time: {what}"))
}

/// Polls a condition until it holds.
///
/// # Panics
///
/// After [`DEADLINE`].
pub async fn until(what: &str, is_true: impl AsyncFnMut() -> bool) {
    until_within(DEADLINE, what, is_true).await;
}

/// The same with another limit.
///
/// # Panics
///
/// After the limit.
pub async fn until_within(limit: Duration, what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_true().await {
        assert!(start.elapsed() < limit, "it is still not true: {what}");
        sleep(STEP).await;
    }
}
