//! A real server of another kind, such as a broker, as a process.

use std::{
    net::{Ipv4Addr, TcpStream},
    process::{Child, Command, Stdio},
    time::Instant,
};

use crate::waiting::{FEED_DEADLINE, STEP};

/// Starts a program that listens on a port of 127.0.0.1, and waits until it does. Returns `None` if
/// it ends or does not listen in time.
///
/// # Panics
///
/// If it is not installed.
pub(crate) fn start(command: &mut Command, port: u16) -> Option<Child> {
    // Debian installs servers in a folder that is not on every user's path.
    let path = format!("{}:/usr/sbin:/usr/local/sbin", env!("PATH"));
    let process = command
        .env("PATH", path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut process = process.unwrap_or_else(|error| {
        panic!(
            "{}: {error}: is it installed?",
            command.get_program().display()
        )
    });
    let start = Instant::now();
    while start.elapsed() < FEED_DEADLINE && process.try_wait().expect("a child").is_none() {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Some(process);
        }
        #[allow(clippy::disallowed_methods, reason = "the test has nothing else to do")]
        std::thread::sleep(STEP);
    }
    kill(process);
    None
}

/// Kills a process.
pub(crate) fn kill(mut process: Child) {
    // It may have exited already.
    let _ = process.kill();
    process.wait().expect("a child");
}
