//! Pauses, and waiting for something.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;

/// Longest wait for a program to listen, or for progress.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(10);

/// Time between two requests to the server.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

pub(crate) fn until(what: &str, is_done: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let start = Instant::now();
    while !is_done()? {
        ensure!(start.elapsed() < WAIT_MAX, "not in time: {what}");
        pause(LOOK);
    }
    Ok(())
}

pub(crate) fn pause(time: Duration) {
    #[allow(clippy::disallowed_methods)] // There is no runtime here.
    thread::sleep(time);
}
