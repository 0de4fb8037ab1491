//! The time that a call takes of the processor, whatever else the machine does meanwhile.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Runs a call, and returns its result and the CPU time that this thread has spent in it.
pub(super) fn timed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let begun = of_this_thread();
    let result = call();
    (result, of_this_thread() - begun)
}

fn of_this_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("no negative time")
}
