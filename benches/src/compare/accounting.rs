//! What a contender has used, by the kernel's accounts.

use std::{
    fs,
    ops::{AddAssign, Sub},
};

use anyhow::Context;
use tickcast_loadtest::process;

/// What a contender has used and holds at some moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// CPU time of all its threads, in seconds.
    pub cpu_s: f64,
    /// The same in user space, in seconds; of a coarser account.
    pub user_s: f64,
    /// The same in all, of the coarser account.
    pub coarse_s: f64,
    /// Resident memory, or how much more of it there is.
    pub rss_bytes: f64,
    /// How long its core has worked, for whomever, in seconds: what the kernel does on behalf of
    /// nobody (soft interrupts) is in here as well.
    pub core_busy_s: f64,
}

impl Sub for Usage {
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

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        self.cpu_s += more.cpu_s;
        self.user_s += more.user_s;
        self.coarse_s += more.coarse_s;
        self.rss_bytes += more.rss_bytes;
        self.core_busy_s += more.core_busy_s;
    }
}

/// Looks at a process and at its core.
pub fn usage(pid: u32, core: usize) -> anyhow::Result<Usage> {
    let gone = "the contender has ended";
    let coarse = process::usage(pid).context(gone)?;
    let stat = fs::read_to_string("/proc/stat")?;
    Ok(Usage {
        cpu_s: process::cpu_ns(pid).context(gone)? as f64 / 1e9,
        user_s: coarse.user_s,
        coarse_s: coarse.cpu_s,
        rss_bytes: coarse.rss_bytes as f64,
        core_busy_s: core_busy_s(&stat, core).context("a core without account")?,
    })
}

/// All but idle and waiting, from /proc/stat (`proc_stat(5)`).
fn core_busy_s(stat: &str, core: usize) -> Option<f64> {
    /// `USER_HZ`.
    const TICKS_PER_S: f64 = 100.0;

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
    fn a_core_is_busy_with_all_but_idling() {
        let stat = "cpu  9 9 9 9 9 9 9\ncpu0 0 0 0 9 0 0 0\ncpu1 100 10 50 900 40 5 35 0 0 0\n";
        assert_eq!(core_busy_s(stat, 1), Some(2.0));
        assert_eq!(core_busy_s(stat, 2), None);
    }
}
