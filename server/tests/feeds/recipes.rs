//! The recipes of docs/recipes with their transcripts, against a local server.

use std::{fmt::Write, fs, path::PathBuf};

use jiff::Timestamp;
use tickcast_core::work::NewUpdate;
use tickcast_protocol::value::Value;
use tickcast_server::config::{Command, load};
use tickcast_server_testkit::{Program, feed::RunningFeed, until};

use crate::websocket_server::{Peer, WebSocketServer};

const RECIPES: [&str; 6] = ["binance", "bitstamp", "bybit", "coinbase", "kraken", "okx"];

fn path(file: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes");
    folder.join(file)
}

/// What happens in a connection, and what becomes of it.
#[derive(Debug, Default)]
struct Transcript {
    /// Texts that the feed sends.
    sent: Vec<String>,
    /// Texts that the server sends.
    received: Vec<String>,
    /// Updates, in order.
    updates: Vec<String>,
    passed_over: u64,
    /// Errors that the source reports.
    reported: Vec<String>,
}

fn transcript(recipe: &str) -> Transcript {
    let text = fs::read_to_string(path(&format!("{recipe}.txt"))).unwrap();
    let mut found = Transcript::default();
    for line in text.lines() {
        let (kind, rest) = line.split_at_checked(2).unwrap();
        let rest = rest.to_owned();
        match kind {
            "# " => {}
            "> " => found.sent.push(rest),
            "< " => found.received.push(rest),
            "= " => found.updates.push(rest),
            "- " => found.passed_over += rest.parse::<u64>().unwrap(),
            "! " => found.reported.push(rest),
            _ => panic!("{recipe}: {line}"),
        }
    }
    assert!(!found.sent.is_empty() && !found.updates.is_empty());
    assert!(found.passed_over > 0 && !found.reported.is_empty());
    found
}

fn shown(update: &NewUpdate) -> String {
    let mut text = format!("{}: ", update.topic);
    let side = |price: Option<_>, size: Option<_>| match (price, size) {
        (Some(price), Some(size)) => format!("{size} at {price}"),
        (None, None) => "none".to_owned(),
        other => panic!("{other:?}"),
    };
    let value = match &update.value {
        Value::Trade(trade) => {
            let side = trade.side.expect("all recipes know the side");
            let side = format!("{side:?}").to_lowercase();
            format!("trade {} at {} ({side})", trade.size, trade.price)
        }
        Value::Quote(quote) => format!(
            "quote {}, {}",
            side(quote.bid, quote.bid_size),
            side(quote.ask, quote.ask_size)
        ),
        other => panic!("{other:?}"),
    };
    text.push_str(&value);
    if let Some(time_ns) = update.source_time_ns {
        let time = Timestamp::from_nanosecond(time_ns.into()).unwrap();
        write!(text, " at {time}").unwrap();
    }
    text
}

async fn serve(server: &WebSocketServer, transcript: &Transcript) -> Peer {
    let mut peer = server.accept().await;
    for text in &transcript.sent {
        assert_eq!(peer.text().await, *text);
    }
    for text in &transcript.received {
        peer.send(text).await;
    }
    peer
}

async fn check(recipe: &str) {
    let expected = transcript(recipe);
    let server = WebSocketServer::start().await;
    let toml = path(&format!("{recipe}.toml"));
    let arguments = [
        "tickcast-server".into(),
        "--config".into(),
        toml.into_os_string(),
        "--websocket-url".into(),
        server.url().into(),
    ];
    let Command::Run(mut settings) = load(arguments, []).unwrap() else {
        panic!("{recipe} does not run");
    };
    let feed = settings.feeds.remove(0);
    assert_eq!(feed.name, recipe);
    let mut feed = RunningFeed::start_named(feed, settings.decode);
    // It subscribes again after each reconnect.
    for connection in 1..=2 {
        let peer = serve(&server, &expected).await;
        let updates = feed.take(expected.updates.len()).await;
        let updates: Vec<_> = updates.iter().map(shown).collect();
        assert_eq!(updates, expected.updates, "{recipe}");
        let count = |number: usize| number as u64 * connection;
        feed.until("all messages arrive", |metrics| {
            metrics.received.get() == count(expected.received.len())
        })
        .await;
        let metrics = &feed.metrics;
        assert_eq!(metrics.undecodable.get(), 0, "{recipe}: {metrics:?}");
        assert_eq!(metrics.passed_over.get(), expected.passed_over * connection);
        assert_eq!(metrics.reported.get(), count(expected.reported.len()));
        assert_eq!(metrics.times_ignored.get(), 0, "{recipe}: {metrics:?}");
        assert_eq!(metrics.reconnects.get(), connection - 1);
        peer.close().await;
    }
    assert!(feed.stop().await.is_empty());
}

#[tokio::test]
async fn binance_gives_exactly_what_its_transcript_says() {
    check("binance").await;
}

#[tokio::test]
async fn bitstamp_gives_exactly_what_its_transcript_says() {
    check("bitstamp").await;
}

#[tokio::test]
async fn bybit_gives_exactly_what_its_transcript_says() {
    check("bybit").await;
}

#[tokio::test]
async fn coinbase_gives_exactly_what_its_transcript_says() {
    check("coinbase").await;
}

#[tokio::test]
async fn kraken_gives_exactly_what_its_transcript_says() {
    check("kraken").await;
}

#[tokio::test]
async fn okx_gives_exactly_what_its_transcript_says() {
    check("okx").await;
}

#[tokio::test]
async fn a_recipe_is_the_settings_file_of_the_program_and_errors_are_in_its_log() {
    for recipe in RECIPES {
        let expected = transcript(recipe);
        let source = WebSocketServer::start().await;
        let toml = path(&format!("{recipe}.toml"));
        let url = source.url();
        let arguments = ["--config", toml.to_str().unwrap(), "--websocket-url", &url];
        let server = Program::start(&arguments).await;
        let _peer = serve(&source, &expected).await;
        until("the errors are told", async || {
            let log = server.log();
            let told = |reason: &String| {
                let quoted = format!("{reason:?}");
                log.contains(&format!("reason={quoted}"))
            };
            expected.reported.iter().all(told)
        })
        .await;
        server.terminate().await;
        assert!(server.end().await.success());
    }
}

#[test]
fn every_recipe_is_tested_and_listed() {
    let files = fs::read_dir(path("")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names
        .filter_map(|name| Some(name.strip_suffix(".toml")?.to_owned()))
        .collect();
    names.sort();
    assert_eq!(names, RECIPES);
    let readme = fs::read_to_string(path("README.md")).unwrap();
    for recipe in RECIPES {
        assert!(readme.contains(&format!("({recipe}.toml)")), "{recipe}");
        for update in transcript(recipe).updates {
            let (topic, _) = update.split_once(':').unwrap();
            let kind = topic.rsplit('/').next().unwrap();
            assert!(readme.contains(&format!("`{recipe}/")) && readme.contains(kind));
        }
    }
}
