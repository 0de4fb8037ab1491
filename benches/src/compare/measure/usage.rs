//! What a contender has used, by the kernel's accounting.

use std::{
    fs,
    ops::{AddAssign, Sub},
};

use anyhow::Context;
use tickcast_loadtest::observe::process;

/// Clock ticks per second (`USER_HZ`).
const TICKS_PER_S: f64 = 100.0;

/// What a contender has used and holds at a moment, or between two.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ContenderUsage {
    /// CPU time of all its threads, in seconds.
    pub(super) cpu_s: f64,
    /// CPU time in user space, in seconds (resolution: 10 ms).
    pub(super) user_s: f64,
    /// CPU time, in seconds (resolution: 10 ms). `user_s` is compared with it.
    pub(super) coarse_s: f64,
    /// Resident memory, or its growth.
    pub(super) rss_bytes: f64,
    /// How long its core worked for any process, in seconds. It includes soft interrupts, which
    /// belong to no process.
    pub(super) core_busy_s: f64,
}

impl Sub for ContenderUsage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            cpu_s: self.cpu_s - before.cpu_s,
            user_s: self.user_s - before.user_s,
            coarse_s: self.coarse_s - before.coarse_s,
            rss_bytes: self.rss_bytes - before.rss_bytes,
            core_busy_s: self.core_busy_s - before.core_busy_s,
        }
    }
}

impl AddAssign for ContenderUsage {
    fn add_assign(&mut self, more: Self) {
        self.cpu_s += more.cpu_s;
        self.user_s += more.user_s;
        self.coarse_s += more.coarse_s;
        self.rss_bytes += more.rss_bytes;
        self.core_busy_s += more.core_busy_s;
    }
}

/// The usage of a process and its core now.
pub(super) fn usage(pid: u32, core: usize) -> anyhow::Result<ContenderUsage> {
    let gone = "the contender has ended";
    let coarse = process::usage(pid).context(gone)?;
    let stat = fs::read_to_string("/proc/stat")?;
    Ok(ContenderUsage {
        cpu_s: process::cpu_ns(pid).context(gone)? as f64 / 1e9,
        user_s: coarse.user_s,
        coarse_s: coarse.cpu_s,
        rss_bytes: coarse.rss_bytes as f64,
        core_busy_s: core_busy_s(&stat, core).context("/proc/stat does not list the core")?,
    })
}

/// The time in which a core was neither idle nor waiting, from /proc/stat (`proc_stat(5)`).
fn core_busy_s(stat: &str, core: usize) -> Option<f64> {
    let line = stat.lines().find_map(|line| {
        let (name, rest) = line.split_once(' ')?;
        (name == format!("cpu{core}")).then_some(rest)
    })?;
    let ticks: Vec<f64> = line
        .split_whitespace()
        .map_while(|t| t.parse().ok())
        .collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, ..] = ticks[..] else {
        return None;
    };
    Some((user + nice + system + irq + softirq) / TICKS_PER_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_busy_unless_it_is_idle_or_waits() {
        let stat = "cpu  9 9 9 9 9 9 9\ncpu0 0 0 0 9 0 0 0\ncpu1 100 10 50 900 40 5 35 0 0 0\n";
        assert_eq!(core_busy_s(stat, 1), Some(2.0));
        assert_eq!(core_busy_s(stat, 2), None);
    }
}
