//! `latest`, `topics`, `history`, `check`, and what needs no server.

use std::{fs, io::pipe, process::Stdio};

use tickcast_server_testkit::Program;

use crate::support::{end, run, run_with, tickcast, tickcast_at};

#[tokio::test]
async fn topics_and_newest_values_are_shown_in_all_forms() {
    let server = Program::start(&["--feed", "none"]).await;
    let input = "plant/b on\u{1b}[2J air\nplant/a 21.5\nother/c 1\nplant/a 22\n";
    run_with(&server, &["pub"], input).await.with(0);

    let pretty = [
        "latest", "plant/#", "other/#", "--format", "pretty", "--color", "never",
    ];
    let shown = run(&server, &pretty).await.with(0);
    let columns: Vec<Vec<&str>> = shown
        .lines()
        .map(|line| line.split_whitespace().take(2).collect())
        .collect();
    let expected = [
        ["other/c", "1"],
        ["plant/a", "22"],
        ["plant/b", "on\\u{1b}[2J"],
    ];
    assert_eq!(columns, expected);

    let shown = run(&server, &["topics", "plant/#"]).await.with(0);
    let lines: Vec<serde_json::Value> = shown
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let facts = |at: usize| {
        let line = &lines[at];
        format!(
            "{} {} {} {}",
            line["topic"], line["kind"], line["updates"], line["status"]
        )
    };
    assert_eq!(lines.len(), 2);
    assert_eq!(facts(0), r#""plant/a" "reading" 2 "live""#);
    assert_eq!(facts(1), r#""plant/b" "text" 1 "live""#);
    let shown = run(&server, &["topics", "--format", "csv"]).await.with(0);
    assert!(shown.starts_with("topic,kind,unit,name,updates,time,status\nother/c,reading,,,1,"));
    assert_eq!(run(&server, &["latest", "nothing/#"]).await.with(0), "");
}

#[tokio::test]
async fn history_has_a_range_and_the_newest_ones_of_it() {
    let server = Program::start(&["--feed", "none"]).await;
    let input: String = (1..=30).map(|n| format!("a/b {n}\n")).collect();
    run_with(&server, &["pub"], &input).await.with(0);
    let readings = async |arguments: &[&str]| -> Vec<u32> {
        let all = [&["history", "a/b", "--format", "csv"], arguments].concat();
        let shown = run(&server, &all).await.with(0);
        let rows = shown.lines().skip(1);
        rows.map(|row| row.split(',').nth(2).unwrap().parse().unwrap())
            .collect()
    };
    assert_eq!(readings(&[]).await, (1..=30).collect::<Vec<_>>());
    assert_eq!(readings(&["--limit", "3"]).await, [28, 29, 30]);
    assert_eq!(readings(&["--from", "5", "--to", "7"]).await, [5, 6, 7]);
    assert_eq!(readings(&["--to", "7", "--limit", "2"]).await, [6, 7]);
    assert_eq!(readings(&["--from", "1h"]).await.len(), 30);
    assert_eq!(readings(&["--to", "2020-01-01T00:00:00Z"]).await, [0; 0]);
    let none = run(&server, &["history", "no/such"]).await.with(0);
    assert_eq!(none, "");
    let wrong = run(&server, &["history", "a/b", "--from", "noon"])
        .await
        .said(2);
    assert!(wrong.contains("how long ago, as in 15m"), "{wrong}");
    for (from, to) in [("7", "5"), ("5m", "10m")] {
        let reversed = ["history", "a/b", "--from", from, "--to", to];
        let wrong = run(&server, &reversed).await.said(2);
        assert!(wrong.contains("--from is after --to"), "{wrong}");
    }
}

#[tokio::test]
async fn check_tells_one_fact_in_a_line() {
    let server = Program::start(&["--feed", "none"]).await;
    let shown = run(&server, &["check"]).await.with(0);
    let names: Vec<_> = shown.lines().map(|line| line[..11].trim_end()).collect();
    let expected = [
        "server",
        "address",
        "TLS",
        "version",
        "epoch",
        "identity",
        "limits",
        "round trip",
        "clock",
    ];
    assert_eq!(names, expected, "{shown}");
    assert!(shown.contains("tickcast"), "{shown}");

    let gone = run(&server, &["check", "--url", "ws://127.0.0.1:1/ws"]).await;
    assert!(
        gone.out.starts_with("server      ws://127.0.0.1:1/ws\n"),
        "{gone:?}"
    );
    assert!(gone.said(3).contains("cannot connect"));
}

/// A client works if one of them does.
#[tokio::test]
async fn check_asks_each_of_several_servers() {
    let (one, other) = (
        Program::start(&["--feed", "none"]).await,
        Program::start(&["--feed", "none"]).await,
    );
    let gone = "ws://127.0.0.1:1/ws";
    let check = async |urls: &[&str]| {
        let urls = urls.join(",");
        end(tickcast(&["check", "--url", &urls]).spawn().unwrap()).await
    };
    let facts = |shown: &str| {
        shown
            .lines()
            .filter(|line| line.starts_with("clock"))
            .count()
    };
    let shown = check(&[gone, &one.url(), &other.url()]).await;
    assert!(
        shown.err.contains(gone) && facts(&shown.out) == 2,
        "{shown:?}"
    );
    shown.with(0);
    let said = check(&[gone, "ws://127.0.0.1:2/ws"]).await.said(3);
    assert!(
        said.contains(gone) && said.contains("127.0.0.1:2/ws"),
        "{said}"
    );
}

#[tokio::test]
async fn what_is_no_server_of_this_kind_is_said_in_plain_words() {
    let server = Program::start(&["--feed", "none"]).await;
    let said = async |path: &str| {
        let url = server.url().replace("/ws", path);
        let command = tickcast(&["latest", "#", "--url", &url]).spawn();
        end(command.unwrap()).await.said(3)
    };
    for path in ["", "/"] {
        let said = said(path).await;
        assert!(
            said.contains("200 OK") && said.contains("one such as /ws"),
            "{said}"
        );
    }
    let said = said("/echo").await;
    assert!(
        said.contains("names no subprotocol: another WebSocket"),
        "{said}"
    );
}

/// They would be ignored, and the connection would be without TLS.
#[tokio::test]
async fn options_of_tls_are_refused_for_a_server_without() {
    let server = Program::start(&["--feed", "none"]).await;
    for option in ["--ca", "--cert", "--server-name"] {
        for command in [&["latest", "#"][..], &["history", "a"], &["check"]] {
            let said = run(&server, &[command, &[option, "x"]].concat())
                .await
                .said(2);
            let expected = format!("{option} is for a server with TLS: use wss://");
            assert!(said.contains(&expected), "{said}");
        }
    }
    // A variable may be for other servers.
    let mut with_variable = tickcast_at(&server, &["latest", "#"]);
    with_variable.env("TICKCAST_CA", "x");
    end(with_variable.spawn().unwrap()).await.with(0);
}

#[tokio::test]
async fn completions_and_manual_pages_are_printed() {
    let alone = async |arguments: &[&str]| end(tickcast(arguments).spawn().unwrap()).await.with(0);
    for shell in ["bash", "zsh", "fish"] {
        let script = alone(&["completions", shell]).await;
        assert!(script.contains("until-gap"), "{shell}");
    }
    let page = alone(&["man"]).await;
    assert!(
        page.contains(".TH tickcast 1") && page.contains("130"),
        "{page}"
    );
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    assert_eq!(alone(&["man", "--dir", dir]).await, "");
    let page = fs::read_to_string(folder.path().join("tickcast-tail.1")).unwrap();
    assert!(page.contains("until\\-gap"), "{page}");
    let help = alone(&["--help"]).await;
    assert!(help.contains("5    updates were lost"), "{help}");
}

/// One of the servers is not there.
#[tokio::test]
async fn a_command_with_several_servers_asks_one_that_is_there() {
    let server = Program::start(&["--feed", "none"]).await;
    run_with(&server, &["pub"], "a/b 5\n").await.with(0);
    let gone = "ws://127.0.0.1:9/ws";
    let urls = format!("{gone},{}", server.url());
    for command in [["latest", "a/b"], ["history", "a/b"]] {
        let mut asked = tickcast(&[&command[..], &["--url", &urls]].concat());
        let shown = end(asked.spawn().unwrap()).await.with(0);
        assert!(shown.contains("\"a/b\""), "{shown}");
    }
    let none = format!("{gone},ws://127.0.0.1:19/ws");
    let mut asked = tickcast(&["latest", "a/b", "--url", &none]);
    let said = end(asked.spawn().unwrap()).await.said(3);
    assert!(
        said.contains("127.0.0.1:9") && said.contains("127.0.0.1:19"),
        "{said}"
    );
    let mut asked = tickcast(&["latest", "--url", ""]);
    let said = end(asked.spawn().unwrap()).await.said(2);
    assert!(said.contains("URL"), "{said}");
}

#[tokio::test]
async fn a_reader_that_has_left_is_no_failure_of_any_question() {
    let server = Program::start(&["--feed", "none"]).await;
    run(&server, &["pub", "a/b", "1"]).await.with(0);
    for question in [
        &["check"][..],
        &["latest", "#"],
        &["topics"],
        &["history", "a/b"],
    ] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut command = tickcast_at(&server, question);
        command.stdout(Stdio::from(writer));
        let child = command.spawn().unwrap();
        drop(command);
        assert_eq!(end(child).await.said(0), "", "{question:?}");
    }
}
