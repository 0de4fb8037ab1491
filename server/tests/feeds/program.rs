//! The feed `program`: lines of a command that is started again when it ends.

use std::{fs, path::Path, process::Command};

use tickcast_protocol::value::Value;
use tickcast_server::testing::{
    FeedState, Source,
    program::{ProgramSettings, Restart},
};
use tickcast_server_testkit::{Program, STEP, command, feed::RunningFeed, soon};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::sleep,
};

fn shell(line: &str) -> ProgramSettings {
    ProgramSettings {
        shell: Some(line.to_owned()),
        ..ProgramSettings::default()
    }
}

fn once(line: &str) -> ProgramSettings {
    ProgramSettings {
        restart: Restart::Never,
        ..shell(line)
    }
}

fn start(settings: ProgramSettings) -> RunningFeed {
    RunningFeed::start(Source::Program(settings), Vec::new())
}

/// The next update, which is a process id.
async fn next_pid(feed: &mut RunningFeed) -> u32 {
    match feed.next().await.value {
        Value::Reading(number) => number as u32,
        other => panic!("{other:?} is no process id"),
    }
}

/// Whether a process works. One that has ended may still be listed, until its parent asks.
fn is_alive(pid: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    let state = state.and_then(|stat| stat.rsplit_once(") ")?.1.chars().next());
    state.is_some_and(|state| !['Z', 'X'].contains(&state))
}

async fn until_dead(pid: u32) {
    soon("the process ends", async {
        while is_alive(pid) {
            sleep(STEP).await;
        }
    })
    .await;
}

fn kill(pid: u32) {
    let status = Command::new("sh")
        .args(["-c", &format!("kill -KILL {pid}")])
        .status();
    assert!(status.unwrap().success());
}

#[tokio::test]
async fn each_line_that_a_program_prints_is_an_update() {
    let mut feed = start(once(
        r#"echo plant/a 21.5
           echo '{"topic":"plant/b","value":7,"unit":"°C"}'
           echo '{"topic":"market/c","price":1.10,"size":2}'
           echo unreadable
           printf 'plant/d open'"#,
    ));
    let updates = feed.rest().await;
    let topics: Vec<_> = updates.iter().map(|update| update.topic.as_str()).collect();
    assert_eq!(topics, ["plant/a", "plant/b", "market/c", "plant/d"]);
    assert_eq!(updates[0].value, Value::Reading(21.5));
    assert_eq!(updates[1].unit.as_deref(), Some("°C"));
    assert_eq!(updates[3].value, Value::Text("open".into()));
    assert_eq!(feed.metrics.received.get(), 5);
    assert_eq!(feed.metrics.undecodable.get(), 1);
    assert_eq!(feed.metrics.state(), FeedState::Finished);
}

#[tokio::test]
async fn words_are_passed_as_they_are() {
    let words = ["printf", "%s %s\n", "a b", "$HOME * 1"];
    let mut feed = start(ProgramSettings {
        run: words.map(str::to_owned).into(),
        restart: Restart::Never,
        ..ProgramSettings::default()
    });
    let update = feed.rest().await.remove(0);
    assert_eq!(update.topic.as_str(), "a");
    assert_eq!(update.value, Value::Text("b $HOME * 1".into()));
}

#[tokio::test]
async fn a_program_runs_in_its_folder_with_its_variables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let mut feed = start(ProgramSettings {
        dir: Some(path.clone()),
        env: vec!["SENSOR=hall 3".parse().unwrap()],
        ..once("echo folder $PWD; echo sensor $SENSOR")
    });
    let values: Vec<_> = feed.rest().await.into_iter().map(|u| u.value).collect();
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(values, [text(path.to_str().unwrap()), text("hall 3")]);
}

#[tokio::test]
async fn a_program_that_ends_is_started_again() {
    let mut feed = start(shell("echo a 1; exit 3"));
    for _ in 0..3 {
        assert_eq!(feed.next().await.value, Value::Reading(1.0));
    }
    assert!(feed.metrics.reconnects.get() >= 2);
    feed.until("the feed is down", |metrics| {
        metrics.state() == FeedState::Down
    })
    .await;
    feed.stop().await;
}

#[tokio::test]
async fn a_program_may_end_for_good_if_it_was_successful() {
    let on_failure = |line: &str| ProgramSettings {
        restart: Restart::Failure,
        ..shell(line)
    };
    assert_eq!(start(on_failure("echo a 1")).rest().await.len(), 1);
    let mut failing = start(on_failure("echo a 1; kill -TERM $$"));
    assert_eq!(failing.take(2).await.len(), 2);
    failing.stop().await;
}

#[tokio::test]
async fn a_program_that_is_killed_is_started_again_and_leaves_no_zombie() {
    let mut feed = start(shell("echo pid $$; exec sleep 1000"));
    let first = next_pid(&mut feed).await;
    feed.until_up().await;
    kill(first);
    let second = next_pid(&mut feed).await;
    assert_ne!(first, second);
    assert!(!Path::new(&format!("/proc/{first}")).exists());
    feed.stop().await;
    assert!(!Path::new(&format!("/proc/{second}")).exists());
}

#[tokio::test]
async fn all_that_a_program_has_started_ends_with_the_server() {
    // The second child refuses to end when it is asked to.
    let mut feed = start(shell(
        "sleep 1000 & echo child $!
         sh -c 'trap \"\" TERM; echo child $$; exec sleep 1000' &
         wait",
    ));
    let children = [next_pid(&mut feed).await, next_pid(&mut feed).await];
    assert!(children.into_iter().all(is_alive));
    feed.stop().await;
    for child in children {
        until_dead(child).await;
    }
}

#[tokio::test]
async fn all_that_a_program_has_started_ends_with_the_program() {
    let mut feed = start(once("sleep 1000 & echo child $!"));
    let child = next_pid(&mut feed).await;
    assert!(feed.rest().await.is_empty());
    until_dead(child).await;
}

#[tokio::test]
async fn a_program_may_finish_its_work_when_it_is_asked_to_end() {
    let mut feed = start(shell(
        "trap 'echo last 2; exit' TERM; echo first 1; while :; do sleep 0.01; done",
    ));
    assert_eq!(feed.next().await.topic.as_str(), "first");
    let rest = feed.stop().await;
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].topic.as_str(), "last");
}

#[tokio::test]
async fn a_program_that_closes_its_output_is_ended() {
    let mut feed = start(once("echo pid $$; exec >&-; exec sleep 1000 2>&-"));
    let pid = next_pid(&mut feed).await;
    assert!(feed.rest().await.is_empty());
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn a_flood_is_held_back_and_no_line_of_it_is_lost() {
    const LINES: usize = 200_000;
    let source = Source::Program(once(&format!("seq -f 'n %.0f' {LINES}")));
    let mut feed = RunningFeed::start_stuck(source).await;
    feed.until("the program is held back", |metrics| {
        metrics.pushed_back.get() > 0
    })
    .await;
    let updates = feed.rest().await;
    assert_eq!(updates.len(), LINES);
    for (update, number) in updates.iter().zip(1_u32..) {
        assert_eq!(update.value, Value::Reading(number.into()));
    }
    assert_eq!(feed.metrics.submitted.get(), LINES as u64);
    assert_eq!(feed.metrics.lost.get(), 0);
}

#[tokio::test]
async fn messages_of_a_program_are_in_the_log_and_hold_nothing_up() {
    let line = "seq 100000 >&2; echo 'broken: no device' >&2; echo a 1; sleep 1000";
    let server = Program::start(&["--feed", "program", "--program-shell", line]).await;
    soon("the value arrives", async {
        while server.metric("tickcast_feed_submitted_total").await == 0 {
            sleep(STEP).await;
        }
    })
    .await;
    let said = |log: &str| {
        log.lines()
            .filter(|line| line.contains("the program says"))
            .count()
    };
    let log = server.log();
    // At most 32 in ten seconds, and the start may be in the part of the log before.
    assert!((1..=32).contains(&said(&log)), "{log}");
    assert!(log.contains("line=\"1\"") || server.first_log().contains("line=\"1\""));
    server.terminate().await;
    assert!(server.end().await.success());
}

#[tokio::test]
async fn the_end_of_a_program_is_told_with_its_status() {
    let server =
        Program::start(&["--feed", "program", "--program-shell", "sleep 0.2; exit 7"]).await;
    soon("the end is told", async {
        while !server.log().contains("status=exit status: 7") {
            sleep(STEP).await;
        }
    })
    .await;
    assert!(
        server.log().contains("the program has ended"),
        "{}",
        server.log()
    );
}

#[test]
fn the_values_of_variables_are_not_printed() {
    let mut server = command(&["--print-config"]);
    let server = server.as_std_mut();
    server
        .env("TICKCAST_FEED", "program")
        .env("TICKCAST_PROGRAM_RUN", "true")
        .env("TICKCAST_PROGRAM_ENV", "KEY=secret,LANG=C");
    let output = server.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("KEY=(hidden)"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn variables_with_the_settings_of_the_server_are_not_passed_on() {
    let arguments = ["--listen=127.0.0.1:0", "--feed=program", "--program-shell"];
    let mut server = command(
        &[
            &arguments[..],
            &["env | grep -E '^(TICKCAST_|OTHER)' >&2; echo done >&2; sleep 1000"],
        ]
        .concat(),
    );
    server.env("TICKCAST_DRAIN", "1s").env("OTHER", "1");
    let mut child = server.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut log = String::new();
    soon("the program says its variables", async {
        while !log.contains("\"done\"") {
            log.push_str(&lines.next_line().await.unwrap().unwrap());
        }
    })
    .await;
    assert!(
        log.contains("OTHER=1") && !log.contains("TICKCAST_DRAIN"),
        "{log}"
    );
    child.kill().await.unwrap();
}

#[test]
fn a_program_that_cannot_be_started_is_an_error_at_start() {
    for (arguments, wanted) in [
        (&["--program-run=no-such-program"][..], "no-such-program"),
        (&[][..], "nothing to run"),
        (
            &["--program-run=true", "--program-shell=true"][..],
            "use one of them",
        ),
        (
            &["--program-run=true", "--program-dir=/no/such"][..],
            "is no folder",
        ),
        (&["--program-run=true", "--program-env=KEY"][..], "LANG=C"),
    ] {
        let mut server = command(&["--feed=program", "--check"]);
        let output = server.as_std_mut().args(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(error.contains(wanted), "{arguments:?}: {error}");
    }
}
