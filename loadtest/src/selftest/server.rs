//! A server that is started for the test and stopped by signals.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// Longest time until the server prints its address.
const START_MAX: Duration = Duration::from_secs(20);

/// Lines on the way: one address, and the last line of each stream if there is none.
const LINES_MAX: usize = 3;

/// See the module. It ends when this is dropped.
pub(super) struct StoppableServer {
    child: Child,
    pub(super) address: SocketAddr,
}

impl StoppableServer {
    pub(super) fn start(program: &Path) -> Result<Self, String> {
        let mut child = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--feed", "none"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as _),
            child.stderr.take().map(|stream| Box::new(stream) as _),
        ];
        let address = wait_for_address(streams);
        match address {
            Ok(address) => Ok(Self { child, address }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(format!("{}: {error}", program.display()))
            }
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            // If the process is gone, the run notices.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for StoppableServer {
    fn drop(&mut self) {
        self.signal(Signal::CONT);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the output of the server on threads that continue to read, so that it never blocks.
fn wait_for_address(streams: [Option<Box<dyn Read + Send>>; 2]) -> Result<SocketAddr, String> {
    let (sender, lines) = sync_channel(LINES_MAX);
    for stream in streams.into_iter().flatten() {
        let sender = sender.clone();
        let read = move || {
            let mut last = String::new();
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if let Some(address) = address_in(&line) {
                    let _ = sender.try_send(Ok(address));
                }
                last = line;
            }
            let _ = sender.try_send(Err(last));
        };
        thread::Builder::new()
            .name("server-output".into())
            .spawn(read)
            .map_err(|error| error.to_string())?;
    }
    drop(sender);
    let mut said = String::new();
    loop {
        match lines.recv_timeout(START_MAX) {
            Ok(Ok(address)) => return Ok(address),
            Ok(Err(line)) => said.push_str(&line),
            Err(RecvTimeoutError::Disconnected) => return Err(format!("the server ended: {said}")),
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!(
                    "the server did not print its address within {} s",
                    START_MAX.as_secs()
                ));
            }
        }
    }
}

/// The address in a line such as `listening on ws://127.0.0.1:7400/ws`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("ws://")?;
    rest.split('/').next()?.parse().ok()
}

/// The server's program: beside this one, otherwise in PATH.
pub(super) fn default_program() -> PathBuf {
    const NAME: &str = "tickcast-server";
    let beside = std::env::current_exe()
        .ok()
        .map(|program| program.with_file_name(NAME));
    match beside {
        Some(program) if program.exists() => program,
        _ => PathBuf::from(NAME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_a_line_of_the_log() {
        let line = "2026-11-21T02:00:00Z  INFO listening on ws://127.0.0.1:40123/ws shards=1";
        assert_eq!(address_in(line), Some(([127, 0, 0, 1], 40123).into()));
        assert_eq!(address_in("INFO listening on ws://somewhere"), None);
    }
}
