//! What threads do with the time: how long one has computed, and how long it has had nothing to do.

use std::{cell::Cell, fs::File, os::unix::fs::FileExt, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// Time after which it is looked up anew how long a thread has had nothing to do. That takes 2 µs.
const LOOK_UP_EVERY: Duration = Duration::from_millis(100);

/// Length of the file that tells it, at most: three numbers.
const FILE_MAX_BYTES: usize = 3 * 21;

/// CPU time of the calling thread.
pub(crate) fn of_this_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// How long a thread has had nothing to do: it neither ran nor waited for a core. Linux tells it
/// (`/proc/PID/schedstat`, Documentation/scheduler/sched-stats.rst).
#[derive(Debug)]
pub(crate) struct IdleTime {
    /// `None` on other systems.
    file: Option<File>,
    looked_up: Cell<Option<(Duration, Option<Duration>)>>,
}

impl IdleTime {
    /// The idle time of the calling thread.
    pub(crate) fn of_this_thread() -> Self {
        Self {
            file: File::open("/proc/thread-self/schedstat").ok(),
            looked_up: Cell::default(),
        }
    }

    /// How long the thread has had nothing to do up to an uptime, if it began at uptime zero. It
    /// may be a tenth of a second old. `None` if the system does not tell it.
    pub(crate) fn until(&self, uptime: Duration) -> Option<Duration> {
        if let Some((when, idle)) = self.looked_up.get()
            && uptime.saturating_sub(when) < LOOK_UP_EVERY
        {
            return idle;
        }
        let idle = self.look_up(uptime);
        self.looked_up.set(Some((uptime, idle)));
        idle
    }

    fn look_up(&self, uptime: Duration) -> Option<Duration> {
        let mut bytes = [0; FILE_MAX_BYTES];
        let length = self.file.as_ref()?.read_at(&mut bytes, 0).ok()?;
        let text = std::str::from_utf8(&bytes[..length]).ok()?;
        Some(uptime.saturating_sub(busy(text)?))
    }
}

/// The time in which a thread ran or waited for a core. `None` if the kernel does not count it:
/// then all numbers are zero.
fn busy(text: &str) -> Option<Duration> {
    let mut numbers = text.split_ascii_whitespace().map(str::parse::<u64>);
    let (ran_ns, waited_ns) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    (ran_ns > 0).then(|| Duration::from_nanos(ran_ns.saturating_add(waited_ns)))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_kernel_tells_when_a_thread_ran_or_waited() {
        assert_eq!(busy("1500 200 3\n"), Some(Duration::from_nanos(1_700)));
        for unknown in ["0 0 0\n", "", "12", "a b c"] {
            assert_eq!(busy(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_computes_is_not_idle_and_its_cpu_time_advances() {
        let begin = Instant::now();
        let (idle, cpu) = (IdleTime::of_this_thread(), of_this_thread());
        let before = idle.look_up(Duration::ZERO).map(|_| busy_now(&idle));
        let before = before.expect("Linux tells it");
        let goal = cpu + Duration::from_millis(20);
        while of_this_thread() < goal {
            std::hint::spin_loop();
        }
        let (passed, busy) = (begin.elapsed(), busy_now(&idle) - before);
        // The kernel counts up to the last time that it looked.
        assert!(
            busy <= passed && busy >= Duration::from_millis(10),
            "{busy:?} of {passed:?}"
        );
        // What is not busy is idle.
        let much = Duration::from_secs(3_600);
        let first = idle.until(much).unwrap();
        assert!(first < much && first > much / 2);
        assert_eq!(idle.until(much + LOOK_UP_EVERY / 2), Some(first));
        assert!(idle.until(much + LOOK_UP_EVERY).unwrap() > first);
    }

    /// The time in which the thread was busy, read anew.
    fn busy_now(idle: &IdleTime) -> Duration {
        let much = Duration::from_secs(3_600);
        much - idle.look_up(much).unwrap()
    }
}
