//! `tail`: until a number, a loss, a signal, the end of its reader.

use tickcast_protocol::recording::RecordedLine;
use tickcast_server_testkit::{Program, signal, soon};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::support::{end, publish_until_it_ends, run, tickcast, tickcast_at};

/// A trade whose decimals end with zeros.
const TRADE: &str = r#"{"trade":{"price":"39432.480","size":"0.0010","side":"buy"}}"#;

#[tokio::test]
async fn tail_shows_what_is_there_and_then_what_comes_until_its_number_is_reached() {
    let server = Program::start(&["--feed", "none"]).await;
    run(&server, &["pub", "a/trade", TRADE, "--type", "json"])
        .await
        .with(0);

    let shown = run(&server, &["tail", "a/#", "--count", "1"]).await.with(0);
    let line = RecordedLine::parse(shown.as_bytes()).unwrap();
    assert_eq!(
        (line.topic.as_str(), line.seq, line.every),
        ("a/trade", 1, false)
    );
    assert!(
        shown.contains(r#""price":"39432.480","size":"0.0010""#),
        "{shown}"
    );

    let csv = ["tail", "a/#", "--count", "1", "--format", "csv"];
    let shown = run(&server, &csv).await.with(0);
    let (heading, row) = shown.split_once('\n').unwrap();
    assert!(
        heading.starts_with("time,topic,reading,unit,price,size,side,"),
        "{shown}"
    );
    assert!(row.contains(",a/trade,,,39432.480,0.0010,buy,"), "{shown}");

    let pretty = ["tail", "a/#", "--count", "1", "--format", "pretty"];
    let shown = run(&server, &pretty).await.with(0);
    assert!(shown.contains("  a/trade  "), "{shown}");
    assert!(
        shown.trim_end().ends_with("39432.480 × 0.0010 buy"),
        "{shown}"
    );

    let live = [
        "tail",
        "+/counter",
        "a/#",
        "--every",
        "--new",
        "--count",
        "3",
    ];
    let child = tickcast_at(&server, &live).spawn().unwrap();
    let shown = publish_until_it_ends(&server, child).await.with(0);
    let lines = shown
        .lines()
        .map(|line| RecordedLine::parse(line.as_bytes()).unwrap());
    let seqs: Vec<_> = lines
        .map(|line| {
            assert_eq!((line.topic.as_str(), line.every), ("a/counter", true));
            line.seq
        })
        .collect();
    // Both filters select it, and nothing is missing between.
    assert_eq!(seqs, [seqs[0], seqs[0] + 1, seqs[0] + 2]);
}

#[tokio::test]
async fn a_reader_that_leaves_a_signal_and_a_duration_end_tail_well() {
    let server = Program::start(&["--feed", "simulated"]).await;
    let mut child = tickcast_at(&server, &["tail", "#", "--every"])
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let mut lines = BufReader::new(out).lines();
    let line = soon("a line comes", lines.next_line()).await.unwrap();
    assert!(line.unwrap().starts_with("{\"topic\":"));
    drop(lines);
    let ended = end(child).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));

    // It reads nothing, so that everything on the way is full when the signal comes.
    for name in ["INT", "TERM"] {
        let mut child = tickcast_at(&server, &["tail", "#", "--every"])
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        soon("a line comes", lines.next_line()).await.unwrap();
        signal(&child, name).await;
        let ended = end(child).await;
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{name}");
    }
    let ended = run(
        &server,
        &["tail", "market/#", "--rate", "5", "--for", "300ms"],
    )
    .await;
    assert!(ended.lines() > 0);
    ended.with(0);
}

#[tokio::test]
async fn a_server_that_begins_anew_is_a_loss_and_tail_goes_on_unless_it_is_to_end() {
    let server = Program::start(&["--feed", "none"]).await;
    run(&server, &["pub", "a/b", "first"]).await.with(0);
    let (address, url) = (server.address.to_string(), server.url());
    let start = |arguments: &[&str]| {
        let mut command = tickcast(arguments);
        command.env("TICKCAST_URL", &url);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        (child, lines)
    };
    let (ending, mut ending_lines) = start(&["tail", "a/#", "--until-gap"]);
    let (staying, mut staying_lines) = start(&["tail", "a/#", "--every", "--count", "2"]);
    for lines in [&mut ending_lines, &mut staying_lines] {
        soon("it is subscribed", lines.next_line())
            .await
            .unwrap()
            .unwrap();
    }
    server.kill().await;
    let server = Program::start_at(&address, &["--feed", "none"]).await;
    let told = "a/#: the server has begun anew; what was lost meanwhile is unknown";
    let said = end(ending).await.said(5);
    assert!(said.contains(told), "{said}");
    run(&server, &["pub", "a/b", "second"]).await.with(0);
    let line = soon("it goes on", staying_lines.next_line())
        .await
        .unwrap()
        .unwrap();
    assert!(line.contains(r#""value":{"text":"second"}"#), "{line}");
    let said = end(staying).await.said(0);
    assert!(
        said.contains(told) && said.contains("connected again"),
        "{said}"
    );
}

#[tokio::test]
async fn exit_codes_tell_what_is_wrong() {
    let server = Program::start(&["--feed", "none", "--subscribe-allow", "a/#"]).await;
    let check = async |arguments: &[&str], code: i32, told: &str| {
        let said = run(&server, arguments).await.said(code);
        assert!(said.contains(told), "{arguments:?}: {said}");
    };
    check(
        &["tail", "b/#"],
        4,
        "b/#: the server refuses: subscribing not allowed",
    )
    .await;
    check(&["latest", "b/#"], 4, "subscribing not allowed").await;
    check(&["tail", "a/#/b"], 2, "'#'").await;
    check(
        &["tail", "a", "--every", "--rate", "5"],
        2,
        "cannot be used with",
    )
    .await;
    check(
        &["tail", "a", "--mode", "every", "--rate", "5"],
        2,
        "--rate is about newest",
    )
    .await;
    check(&["tial", "a"], 2, "tail").await;
    let rate = "expected a number such as 2.5, at least 0.01";
    check(&["tail", "a", "--rate", "fast"], 2, rate).await;
    check(&["tail", "a", "--rate", "0"], 2, rate).await;
    let count = "expected a whole number, 0 or more";
    check(&["tail", "a", "--count", "some"], 2, count).await;
    check(
        &["check", "--url", "http://localhost"],
        2,
        "expected ws://host:port/path",
    )
    .await;
    check(
        &["tail", "a", "--url", "ws://127.0.0.1:1/ws"],
        3,
        "cannot connect",
    )
    .await;
    check(
        &["latest", "a", "--url", "ws://127.0.0.1:1/ws"],
        3,
        "cannot connect",
    )
    .await;
    check(
        &["pub", "a", "1", "--url", "ws://127.0.0.1:1/ws"],
        3,
        "cannot connect",
    )
    .await;
    let missing = ["tail", "a", "--token-file", "/no/such/token"];
    check(&missing, 3, "cannot read the token file /no/such/token").await;
}
