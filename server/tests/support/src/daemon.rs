//! A real server of another kind, such as a broker, as a process.

use std::{
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    network::path,
    waiting::{FEED_DEADLINE, STEP},
};

/// Longest wait for an answer to an attempt to connect: a machine that was just joined to a network
/// may be silent.
const ATTEMPT: Duration = Duration::from_secs(1);

/// Starts a program that listens at an address, and waits until it does. Returns `None` if it ends
/// or does not listen in time.
///
/// # Panics
///
/// If it is not installed.
pub(crate) fn start(command: &mut Command, address: SocketAddr) -> Option<Child> {
    let process = command
        .env("PATH", path())
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
        if TcpStream::connect_timeout(&address, ATTEMPT).is_ok() {
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
