//! Processes and threads as the kernel accounts for them, from /proc (`proc(5)`).

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

/// Clock ticks per second in /proc/pid/stat, fixed for user space on Linux (`USER_HZ`).
const TICKS_PER_S: f64 = 100.0;

/// The calling thread's id.
pub fn thread_id() -> Option<u32> {
    let link = fs::read_link("/proc/thread-self").ok()?;
    link.file_name()?.to_str()?.parse().ok()
}

/// Asks the kernel to wake the calling thread on time. By default it may be 50 us late, to save
/// power. If the kernel refuses, wake-ups are late and the slip shows it.
pub fn sleep_precisely() {
    if let Some(id) = thread_id() {
        let _ = fs::write(format!("/proc/{id}/timerslack_ns"), "1");
    }
}

/// CPU time that a thread of this process has used, in ns, from `schedstat`.
pub fn thread_cpu_ns(id: u32) -> Option<u64> {
    task_cpu_ns(Path::new(&format!("/proc/self/task/{id}")))
}

/// CPU time of all running threads of a process, in ns. Finer than [`Usage`], which has hundredths
/// of a second. `None` if there is no such process.
pub fn cpu_ns(pid: u32) -> Option<u64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    Some(
        threads
            .filter_map(|thread| task_cpu_ns(&thread.path()))
            .sum(),
    )
}

/// CPU time of one thread, in ns, by its folder in `/proc/PID/task`. `None` if it has ended.
pub fn task_cpu_ns(task: &Path) -> Option<u64> {
    let text = fs::read_to_string(task.join("schedstat")).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// What a process has used and holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time of all threads, user and system, in seconds.
    pub cpu_s: f64,
    /// The part of `cpu_s` in user space.
    pub user_s: f64,
    /// Resident memory in bytes.
    pub rss_bytes: u64,
}

/// The usage of a process now. `None` if there is no such process.
pub fn usage(pid: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    parse_usage(&stat, &status)
}

fn parse_usage(stat: &str, status: &str) -> Option<Usage> {
    // The name is in parentheses and may contain anything, so fields are counted after it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut seconds = || -> Option<f64> {
        let ticks: f64 = fields.next()?.parse().ok()?;
        Some(ticks / TICKS_PER_S)
    };
    let (user_s, system_s) = (seconds()?, seconds()?);
    let rss = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let rss_kib: u64 = rss.split_whitespace().next()?.parse().ok()?;
    Some(Usage {
        cpu_s: user_s + system_s,
        user_s,
        rss_bytes: rss_kib * 1024,
    })
}

/// The soft and the hard limit of open files of this process.
pub fn open_files_limit() -> Option<(u64, u64)> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    Some((
        limit.current.unwrap_or(u64::MAX),
        limit.maximum.unwrap_or(u64::MAX),
    ))
}

/// Raises the soft limit of open files to the hard limit.
pub fn raise_open_files_limit() -> io::Result<()> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised)?;
    Ok(())
}

/// The process of this machine that listens on a TCP port, if its files may be read.
pub fn listening_on(port: u16) -> Option<u32> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .find_map(|table| listening_inode(&table, port))?;
    let socket = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| {
            let files = fs::read_dir(format!("/proc/{pid}/fd"));
            files.is_ok_and(|files| {
                files
                    .flatten()
                    .filter_map(|file| fs::read_link(file.path()).ok())
                    .any(|link| link.as_os_str() == socket.as_str())
            })
        })
}

/// The inode of the socket that listens on a port, from a table like /proc/net/tcp.
fn listening_inode(table: &str, port: u16) -> Option<u64> {
    const LISTEN: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let local = fields.get(1)?.rsplit_once(':')?.1;
        let is_ours = u16::from_str_radix(local, 16) == Ok(port) && *fields.get(3)? == LISTEN;
        is_ours.then(|| fields.get(9)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_parentheses_in_a_name_do_not_shift_the_fields() {
        let stat = "42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20";
        let usage = parse_usage(stat, "Name:\ta\nVmRSS:\t    2048 kB\n").unwrap();
        assert_eq!(usage.user_s, 2.5);
        assert_eq!(usage.cpu_s, 4.0);
        assert_eq!(usage.rss_bytes, 2 << 20);
    }

    #[test]
    fn this_process_and_its_listening_socket_are_found() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(listening_on(port), Some(std::process::id()));
        assert!(usage(std::process::id()).unwrap().rss_bytes > 0);
        assert!(thread_cpu_ns(thread_id().unwrap()).unwrap() > 0);
        assert!(cpu_ns(std::process::id()).unwrap() > 0);
    }
}
