//! Proves that the load tester measures what it says: it stops a server for 6 of 10 seconds, and
//! the median must show it.
//!
//! Updates keep being due while the server stands still. Those of the 6 seconds wait between 0 and
//! 6 seconds for it, so half of all updates wait for a second or more. A tool that times only what
//! it gets around to sending reports a median of microseconds here.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, sync_channel},
    },
    thread,
    time::Duration,
};

use clap::Parser;
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    cli::Cli,
    latency::format_ns,
    progress::Progress,
    run,
    summary::{Outcome, Summary},
};

/// The server stands still from this second of the steady phase ...
const STOP_AT_S: u32 = 2;
/// ... to this one ...
const CONTINUE_AT_S: u32 = 8;
/// ... of so many.
const STEADY_S: u32 = 10;

/// The median that follows is 1 s. A slow machine may make it longer.
const MEDIAN_NS: std::ops::Range<u64> = 800_000_000..4_000_000_000;

/// The longest wait that follows is 6 s.
const MAX_MIN_NS: u64 = 5_500_000_000;

/// Time for the server to say where it listens.
const START_MAX: Duration = Duration::from_secs(20);

/// A server of our own, which does not outlive us.
struct TestServer {
    child: Child,
    address: SocketAddr,
}

impl TestServer {
    fn start(program: &Path) -> Result<Self, String> {
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

    fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            // If it is gone, the run finds out.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.signal(Signal::CONT);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads what the server says, on threads that go on reading so that it never waits for us.
fn wait_for_address(streams: [Option<Box<dyn Read + Send>>; 2]) -> Result<SocketAddr, String> {
    /// One address, and one line per stream if there is none.
    const LINES_MAX: usize = 3;

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
            Err(RecvTimeoutError::Disconnected) => return Err(format!("it ended: {said}")),
            Err(RecvTimeoutError::Timeout) => {
                return Err("it does not say where it listens".to_owned());
            }
        }
    }
}

/// The address in a line such as `listening on ws://127.0.0.1:7400/ws`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("ws://")?;
    rest.split('/').next()?.parse().ok()
}

/// Where the server's program is if nobody says.
fn beside_us() -> PathBuf {
    const NAME: &str = "tickcast-server";
    let beside = std::env::current_exe()
        .ok()
        .map(|program| program.with_file_name(NAME));
    match beside {
        Some(program) if program.exists() => program,
        _ => PathBuf::from(NAME),
    }
}

/// What the test has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The load tester sees what it must see.
    Passed,
    /// It does, and it has noticed by itself that this machine is too busy for it now.
    TooBusy,
    /// It cannot be trusted.
    Failed,
}

impl Proof {
    /// The program's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::TooBusy => Outcome::Invalid.exit_code(),
            Self::Failed => 1,
        }
    }
}

/// Runs the test. `Ok` is what was seen, with the verdict; `Err` why there is none.
pub fn selftest(
    server: Option<PathBuf>,
    interrupted: &AtomicBool,
) -> Result<(Proof, String), String> {
    let server = TestServer::start(&server.unwrap_or_else(beside_us))?;
    let summary = measure(&server, interrupted)?;
    Ok(judge(&summary))
}

fn measure(server: &TestServer, interrupted: &AtomicBool) -> Result<Summary, String> {
    let words = format!(
        "selftest --url ws://{}/ws -n 50 -r 500 -d {STEADY_S}s --warmup 1s --drain 30s",
        server.address
    );
    let cli = Cli::try_parse_from(words.split(' ')).map_err(|error| error.to_string())?;
    let plan = cli.run.plan(words)?;
    let is_stopped = AtomicBool::new(false);
    let progress = Progress::Watched(Box::new(|view| {
        if view.phase != "steady" {
            return;
        }
        if view.done_s == STOP_AT_S && !is_stopped.swap(true, Ordering::Relaxed) {
            server.signal(Signal::STOP);
        } else if view.done_s == CONTINUE_AT_S {
            server.signal(Signal::CONT);
        }
    }));
    let finished = run::run(&plan, interrupted, &progress).map_err(|error| error.to_string())?;
    Ok(finished.summary)
}

fn judge(summary: &Summary) -> (Proof, String) {
    let response = &summary.latencies.response;
    let median_ns = response.percentile(50.0).unwrap_or(0);
    let checks = [
        (
            "the median is about a second",
            MEDIAN_NS.contains(&median_ns),
            format_ns(median_ns as f64),
        ),
        (
            "the maximum is about six seconds",
            response.max_ns >= MAX_MIN_NS,
            format_ns(response.max_ns as f64),
        ),
        (
            "nothing is lost",
            matches!(summary.verdict.outcome, Outcome::Passed | Outcome::Invalid),
            summary.verdict.reasons.join("; "),
        ),
    ];
    let mut text = String::new();
    for (what, holds, actual) in &checks {
        let mark = if *holds { "ok    " } else { "FAILED" };
        text.push_str(&format!("{mark} {what} ({actual})\n"));
    }
    let sees_it = checks.iter().all(|(_, holds, _)| *holds);
    let proof = match summary.verdict.outcome {
        Outcome::Passed if sees_it => Proof::Passed,
        Outcome::Invalid if sees_it => Proof::TooBusy,
        _ => Proof::Failed,
    };
    text.push_str(match proof {
        Proof::Passed => "The load tester sees a server that stands still.\n",
        Proof::TooBusy => {
            "The load tester sees a server that stands still, and that this machine is too busy for \
             exact figures.\n"
        }
        Proof::Failed => "The load tester cannot be trusted here.\n",
    });
    (proof, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::{Latency, histogram, record};

    #[test]
    fn the_address_is_found_in_a_line_of_the_log() {
        let line = "2026-11-21T02:00:00Z  INFO listening on ws://127.0.0.1:40123/ws shards=1";
        assert_eq!(address_in(line), Some(([127, 0, 0, 1], 40123).into()));
        assert_eq!(address_in("INFO listening on ws://somewhere"), None);
    }

    #[track_caller]
    fn check(outcome: Outcome, latency_of_tick: impl Fn(i64) -> i64, expected: Proof) {
        let mut response = histogram();
        for tick in 0..10_000 {
            record(&mut response, latency_of_tick(tick));
        }
        let mut summary = Summary::default();
        summary.latencies.response = Latency::of(&response);
        summary.verdict.outcome = outcome;
        assert_eq!(judge(&summary).0, expected);
    }

    #[test]
    fn an_honest_clock_passes_and_one_that_waits_for_the_server_does_not() {
        // One tick per ms; still from 2 s to 8 s.
        let honest = |tick: i64| match tick {
            2000..8000 => (8000 - tick) * 1_000_000,
            _ => 300_000,
        };
        check(Outcome::Passed, honest, Proof::Passed);
        check(Outcome::Invalid, honest, Proof::TooBusy);
        check(Outcome::IntegrityFailed, honest, Proof::Failed);
        // It sends one update in those six seconds, and sees it come late.
        let omitting = |tick: i64| if tick == 2000 { 6_000_000_000 } else { 300_000 };
        check(Outcome::Passed, omitting, Proof::Failed);
        check(Outcome::Invalid, omitting, Proof::Failed);
    }
}
