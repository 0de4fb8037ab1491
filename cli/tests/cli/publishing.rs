//! `pub`: single values, lines, refusals.

use std::process::Stdio;

use tickcast_protocol::codec::Encoding;
use tickcast_server_testkit::{
    Program,
    proxy::{Harm, Moment, Part, Plan, Proxy},
    raw::get_whole,
    signal, soon, until,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::support::{end, run, run_with, tickcast, tickcast_at};

#[tokio::test]
async fn values_and_lines_arrive_with_their_types() {
    let server = Program::start(&["--feed", "none"]).await;
    let said = run(&server, &["pub", "lab/scale", "-0.25"]).await.said(0);
    assert_eq!(said, "tickcast: 1 update published\n");
    run(&server, &["pub", "lab/id", "7", "--type", "text"])
        .await
        .with(0);
    let input = "lab/door  wide open\n\nlab/t\t21.5\n\
                 {\"topic\":\"lab/trade\",\"time\":5,\"source_time\":7,\"value\":{\"trade\":\
                 {\"price\":\"1.100\",\"size\":\"2\"}}}\n\
                 {\"topic\":\"lab/t\",\"time\":6,\"status\":\"dead\"}\nlab/last 1";
    let said = run_with(&server, &["pub"], input).await.said(0);
    assert_eq!(said, "tickcast: 4 updates published\n");
    let said = run_with(&server, &["pub", "lab/one"], "1\n2\n3\n")
        .await
        .said(0);
    assert_eq!(said, "tickcast: 3 updates published\n");

    let shown = run(&server, &["latest", "lab/#"]).await.with(0);
    let values: Vec<_> = shown
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            format!(
                "{} {} {}",
                line["topic"], line["value"], line["source_time"]
            )
        })
        .collect();
    let expected = [
        r#""lab/door" {"text":"wide open"} null"#,
        r#""lab/id" {"text":"7"} null"#,
        r#""lab/last" {"reading":1.0} null"#,
        r#""lab/one" {"reading":3.0} null"#,
        r#""lab/scale" {"reading":-0.25} null"#,
        r#""lab/t" {"reading":21.5} null"#,
        r#""lab/trade" {"trade":{"price":"1.100","size":"2"}} 7"#,
    ];
    assert_eq!(values, expected);
}

/// The answer about the publisher is cut off, and that to the first request.
#[tokio::test]
async fn what_was_not_answered_is_sent_again_and_is_on_the_tape_once() {
    let server = Program::start(&["--feed", "none"]).await;
    let harms = [Harm::Cut(Part::Nothing), Harm::Delay, Harm::End(Part::Half)];
    let plan = Plan::from(harms.map(|harm| (Moment::Published, harm)));
    let proxy = Proxy::start(server.address, Encoding::Bincode, plan).await;
    let url = format!("ws://{}/ws", proxy.address);
    let mut command = tickcast(&["pub", "a", "1", "--url", &url]);
    let said = end(command.spawn().unwrap()).await.said(0);
    assert!(said.ends_with("1 update published\n"), "{said}");
    assert_eq!(proxy.left(), 0);
    assert_eq!(server.metric("tickcast_publish_repeats_total").await, 2);
    let history = get_whole(server.address, "/v1/history?topic=a").await;
    let updates = history
        .body
        .lines()
        .filter(|line| line.contains("\"value\""));
    assert_eq!(updates.count(), 1, "{history:?}");
}

#[tokio::test]
async fn what_is_refused_or_cannot_be_read_is_told_counted_and_the_rest_is_published() {
    let flags = ["--feed", "none", "--publish-allow", "open/#"];
    let server = Program::start(&flags).await;
    let mut lines: Vec<_> = (0..50).map(|n| format!("open/{n} {n}")).collect();
    lines.insert(20, "closed/a 1".to_owned());
    lines.insert(40, "closed/b 1".to_owned());
    let ended = run_with(&server, &["pub"], &lines.join("\n")).await;
    let said = ended.said(4);
    assert!(
        said.contains("closed/a: the server refuses: publishing not allowed"),
        "{said}"
    );
    assert!(
        said.ends_with("50 updates published, 2 refused\n"),
        "{said}"
    );
    let topics = run(&server, &["topics"]).await;
    assert_eq!(topics.lines(), 50);

    let ended = run_with(&server, &["pub"], "open/a 1\nopen/b\nopen/c 3\n").await;
    let said = ended.said(1);
    assert!(said.contains("line 2: the value is missing"), "{said}");
    assert!(
        said.ends_with("2 updates published, 1 of the lines cannot be read\n"),
        "{said}"
    );

    let said = run(&server, &["pub", "open/a", "warm", "--type", "number"])
        .await
        .said(2);
    assert!(said.contains("\"warm\" is no number"), "{said}");
    for (value, expected) in [
        (
            "{\"foo\":1}",
            "foo is not a kind of value, which are reading, trade, ",
        ),
        (
            "{\"reading\":\"a\"}",
            "reading is \"a\": it must be a number",
        ),
        (
            "{\"reading\":",
            "it is not complete JSON: it ends after 11 bytes",
        ),
    ] {
        let arguments = ["pub", "open/a", value, "--type", "json"];
        let said = run(&server, &arguments).await.said(2);
        assert!(said.contains(expected), "{said}");
    }
    run(&server, &["pub", "closed/a", "1"]).await.said(4);
}

/// It is sent again until it is taken. A long wait is told, because its end is unknown.
#[tokio::test]
async fn a_long_refusal_for_now_is_told() {
    let slow = ["--new-topics-burst", "20", "--new-topics-per-s", "1"];
    let server = Program::start(&[&["--feed", "none"][..], &slow].concat()).await;
    let mut command = tickcast_at(&server, &["pub"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let topics = |name: &str| {
        (0..20)
            .map(|n| format!("{name}/{n} 1\n"))
            .collect::<String>()
    };
    stdin.write_all(topics("a").as_bytes()).await.unwrap();
    until("the first ones are there", async || {
        run(&server, &["topics"]).await.lines() == 20
    })
    .await;
    stdin.write_all(topics("b").as_bytes()).await.unwrap();
    let said = soon("the wait is told", said.next_line()).await.unwrap();
    let said = said.unwrap();
    assert!(said.contains("the server refuses for now: "), "{said}");
    assert!(said.ends_with("; trying again"), "{said}");
}

#[tokio::test]
async fn many_lines_keep_their_order_and_a_signal_ends_the_wait_for_more() {
    let server = Program::start(&["--feed", "none"]).await;
    let input: String = (1..=5_000).map(|n| format!("many/x {n}\n")).collect();
    run_with(&server, &["pub"], &input).await.with(0);
    let shown = run(&server, &["history", "many/x", "--format", "csv"])
        .await
        .with(0);
    let readings: Vec<u32> = shown
        .lines()
        .skip(1)
        .map(|row| row.split(',').nth(2).unwrap().parse().unwrap())
        .collect();
    // The server keeps the newest ones.
    assert!(readings.len() >= 1_000, "{}", readings.len());
    let first = readings[0];
    assert_eq!(readings, (first..=5_000).collect::<Vec<_>>());

    let mut command = tickcast_at(&server, &["pub"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"many/y 1\n")
        .await
        .unwrap();
    tickcast_server_testkit::until("it is published", async || {
        let latest = run(&server, &["latest", "many/y"]).await;
        latest.lines() == 1
    })
    .await;
    signal(&child, "INT").await;
    end(child).await.with(130);
}
