//! The program from the outside: exit codes, files, Ctrl+C.

#![allow(clippy::unwrap_used)]

mod support;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use support::{Broker, TestServer, free_port, until};

fn program(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast-loadtest"));
    command
        .args(arguments.split_whitespace())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn finish(child: Child) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    (
        status.code().unwrap(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

#[track_caller]
fn check(arguments: &str, code: i32, said: &str) {
    let (found, stdout, stderr) = finish(program(arguments).spawn().unwrap());
    assert_eq!(found, code, "{arguments}\n{stdout}\n{stderr}");
    let all = stdout + &stderr;
    assert!(all.contains(said), "{arguments}\n{all}");
}

#[test]
fn exit_codes_tell_the_outcome_of_a_run() {
    let server = TestServer::start("--feed none");
    let url = server.url();
    let short = format!("--url {url} -n 5 -r 50 -d 1 --warmup 0");
    check(&short, 0, "PASSED");
    check(&format!("{short} --assert response.max<1ns"), 4, "FAILED");
    check("--subscribers 0", 2, "at least 1");
    check("--no-such-flag", 2, "--no-such-flag");
    let no_server = format!("--url ws://127.0.0.1:{}/ws -n 1", free_port());
    check(&no_server, 3, "refused");
    check(&format!("--url {url}x -n 1"), 3, "404");
    let forbidden = TestServer::start("--feed none --publish-from nobody");
    let refused = format!("--url {} -n 5 -r 50 -d 2 --warmup 0", forbidden.url());
    check(&refused, 3, "not allowed");
    check(
        &format!("{short} --filter a --quiet --source server"),
        6,
        "nothing was measured",
    );
    check("compare no.json such.json", 2, "no.json");
}

#[test]
fn a_run_that_would_measure_nothing_ends_within_seconds_as_bad_usage() {
    let server = TestServer::start("--feed simulated --sim-rate 100");
    let url = server.url();
    let soon = |arguments: &str, said: &str| {
        let start = Instant::now();
        // Twenty minutes, as a user gave them.
        check(&format!("--url {url} -n 5 -d 1200 {arguments}"), 2, said);
        assert!(start.elapsed() < Duration::from_secs(60), "{arguments}");
    };
    soon("-f market/#", "add --source server");
    soon(
        "-f markt/# --source server",
        "no update of the server's feed arrived within 5 s",
    );
    let broker = Broker::start();
    let mqtt = format!("--source mqtt --mqtt-url mqtt://127.0.0.1:{}", broker.port);
    soon(
        &mqtt,
        "none arrived within 5 s: start the server with a feed of this broker",
    );
    soon("--assert slip.p99.999<1s", "needs 1000000 samples");
    // What the server's own feed publishes is timed. A busy machine may make the run invalid.
    let flags = format!("--url {url} -n 5 -d 2 --warmup 1 -f market/# --source server");
    let (code, stdout, stderr) = finish(program(&flags).spawn().unwrap());
    assert!([0, 6].contains(&code), "{stdout}\n{stderr}");
    assert!(stdout.contains("\nresponse "), "{stdout}");
}

#[test]
fn memory_per_connection_is_given_from_a_thousand_subscribers_on() {
    let server = TestServer::start("--feed none");
    let run = format!("--url {} -r 10 -d 1 --warmup 0 -q", server.url());
    let (code, stdout, stderr) = finish(program(&format!("{run} -n 20")).spawn().unwrap());
    assert!([0, 6].contains(&code), "{stdout}\n{stderr}");
    let few = ", - KiB per connection (measured from 1,000 subscribers on)";
    assert!(stdout.contains(few), "{stdout}");
    let (_, stdout, stderr) = finish(program(&format!("{run} -n 1000")).spawn().unwrap());
    assert!(!stdout.contains(few), "{stdout}\n{stderr}");
}

#[test]
fn a_run_that_is_interrupted_drains_and_reports() {
    let server = TestServer::start("--feed none");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display();
    let flags = format!(
        "--url {} -n 5 -r 100 -d 100 --warmup 1 -o {out}",
        server.url()
    );
    let child = program(&flags).spawn().unwrap();
    let pid = Pid::from_child(&child);
    // Well into the steady phase: subscribers are connected and have received updates.
    until("something was delivered", || server.deliveries() > 5 * 150);
    kill_process(pid, Signal::INT).unwrap();
    let (code, stdout, stderr) = finish(child);
    assert_eq!(code, 130, "{stdout}\n{stderr}");
    assert!(stdout.contains("INTERRUPTED"), "{stdout}");
    assert!(stdout.contains(" 0 missing"), "{stdout}");
    assert!(folder.path().join("report.html").exists());
}

#[test]
fn a_run_that_is_far_behind_its_schedule_ends_when_it_is_interrupted() {
    const SLOTS_TAKE_MINUTES: &str = "-n 1 -r 1e7 -d 1 --warmup 0 -q";
    let server = TestServer::start("--feed none");
    let start = Instant::now();
    let mut command = program(&format!("--url {} {SLOTS_TAKE_MINUTES}", server.url()));
    let child = command.spawn().unwrap();
    let pid = Pid::from_child(&child);
    let is_late = || start.elapsed() > Duration::from_secs(3) && server.deliveries() > 0;
    until("the steady phase is over", is_late);
    let interrupted = Instant::now();
    kill_process(pid, Signal::INT).unwrap();
    let (code, stdout, stderr) = finish(child);
    assert_eq!(code, 130, "{stdout}\n{stderr}");
    let took = interrupted.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[test]
fn two_runs_can_be_compared() {
    let server = TestServer::start("--feed none");
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str| {
        let out = folder.path().join(name);
        let url = server.url();
        let flags = format!(
            "--url {url} -n 5 -r 100 -d 6 --warmup 0 -q -o {}",
            out.display()
        );
        let (code, stdout, stderr) = finish(program(&flags).spawn().unwrap());
        assert!([0, 6].contains(&code), "{stdout}\n{stderr}");
        out
    };
    let (a, b) = (run("a"), run("b"));
    let compare = |a: &Path, b: &Path| {
        let arguments = format!("compare {} {}", a.display(), b.display());
        finish(program(&arguments).spawn().unwrap())
    };
    let (code, stdout, _) = compare(&a, &a.join("summary.json"));
    assert_eq!(code, 0);
    assert!(stdout.contains("no difference"), "{stdout}");
    // The second run, made a thousand times slower.
    let path = b.join("summary.json");
    let mut slow: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for second in slow["seconds"].as_array_mut().unwrap() {
        for field in ["p50_ns", "p99_ns", "max_ns"] {
            if let Some(ns) = second[field].as_u64() {
                second[field] = (ns * 1000).into();
            }
        }
    }
    fs::write(&path, slow.to_string()).unwrap();
    let (code, stdout, _) = compare(&a, &b);
    assert_eq!(code, 4);
    assert!(stdout.contains("WORSE"), "{stdout}");
}
