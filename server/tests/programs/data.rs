//! The log on disk: a server that is killed, ended or moved goes on where it was, and a disk that
//! fails is told.

use std::{fs, path::Path, process::Stdio};

use tickcast_protocol::{
    client::Connection,
    codec::Encoding,
    error::ErrorCode,
    message::{
        ClientMessage, Epoch, HistoryRequest, Mode, Publish, ServerMessage, Start, Status,
        TopicStatus,
    },
    topic::Topic,
};
use tickcast_server_testkit::{
    Boot, Program, command, copy_folder,
    raw::get,
    soon,
    subscriber::{ENCODINGS, MODES, News, Publisher, Subscriber, answer, connect, number, reading},
    until,
};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::bare::{Bare, reply};

fn arguments(folder: &Path) -> [&str; 6] {
    let folder = folder.to_str().unwrap();
    ["--feed", "none", "--shards", "2", "--data", folder]
}

/// Starts a server with a log.
pub(crate) async fn start(folder: &Path, more: &[&str]) -> Program {
    Program::start(&[&arguments(folder), more].concat()).await
}

/// Starts a server that must refuse, and returns what it says.
async fn refused(folder: &Path) -> String {
    let mut command = command(&arguments(folder));
    command.args(["--listen", "127.0.0.1:0"]);
    let output = soon("it ends", command.output()).await.unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// Ends a server as a crash does, or in order.
async fn stop(server: Program, is_crash: bool) {
    match is_crash {
        true => server.kill().await,
        false => {
            server.terminate().await;
            assert!(server.end().await.success());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_forgets_nothing_and_clients_go_on_where_they_were() {
    for durability in ["behind", "synced"] {
        let folder = tempfile::tempdir().unwrap();
        let more = ["--durability", durability];
        let mut server = start(folder.path(), &more).await;
        let mut publisher = Publisher::start(&server.url()).await;
        let mut last = publisher.readings("a", 1..=10).await;
        let mut tokens = Vec::new();
        for (encoding, mode) in ENCODINGS.into_iter().zip(MODES) {
            let mut client = Subscriber::start(&server.url(), encoding, "#", mode).await;
            assert_eq!(number(client.updates().await.last().unwrap()), 10.0);
            tokens.push((encoding, mode, client.token()));
        }
        for is_crash in [true, false, true] {
            let mut publisher = Publisher::start(&server.url()).await;
            assert_eq!(publisher.readings("b", 11..=12).await, last + 2);
            last += 2;
            let before = latest(&server).await;
            stop(server, is_crash).await;
            server = start(folder.path(), &more).await;
            assert_eq!(latest(&server).await, before);
            for (encoding, mode, token) in &mut tokens {
                let (url, epoch) = (server.url(), token.epoch);
                let mut client =
                    Subscriber::resume(&url, *encoding, "#", *mode, Some(*token)).await;
                let accepted = &client.accepted;
                assert_eq!((accepted.start, accepted.epoch), (Start::Resumed, epoch));
                while client.position() < last {
                    let News::Batch(batch) = client.next().await else {
                        panic!("nothing is lost");
                    };
                    assert!(!batch.snapshot);
                }
                *token = client.token();
            }
            assert!(server.metric("tickcast_data_strips_total").await == 0);
        }
    }
}

/// Epoch, position and the newest value of each topic.
async fn latest(server: &Program) -> String {
    get(server.address, "/v1/latest?filter=%23").await.body
}

#[tokio::test(flavor = "multi_thread")]
async fn units_histories_and_statuses_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let feed = ["--feed", "stdin"];
    let data = ["--data", folder.path().to_str().unwrap()];
    let arguments = [feed, data].concat();
    let mut server = Program::start(&arguments).await;
    let mut input = server.take_input();
    for number in 1..=3 {
        input
            .write_all(format!("plant/a {number}\n").as_bytes())
            .await
            .unwrap();
    }
    let path = "/v1/latest?filter=plant/a";
    until("the values are there", async || {
        get(server.address, path).await.body.contains("\"seq\":3")
    })
    .await;
    let mut client = Subscriber::start(&server.url(), Encoding::Json, "#", Mode::Every).await;
    // The end of the feed makes its topics stale.
    drop(input);
    let stale = "tickcast_topic_statuses{status=\"stale\"}";
    // What a client is told has been written, so that the kill does not lose it.
    answer(&mut client.connection, |message| match message {
        ServerMessage::Status(told) => {
            let is_stale = |topic: &TopicStatus<Topic>| topic.status == Status::Stale;
            told.statuses.iter().any(is_stale).then_some(())
        }
        _ => None,
    })
    .await;
    server.kill().await;
    let server = start(folder.path(), &[]).await;
    until("it is stale again", async || {
        server.metric(stale).await == 1
    })
    .await;
    let mut connection = connect(&server.url(), Encoding::Json).await;
    let request = HistoryRequest {
        id: 1,
        topic: "plant/a".to_owned(),
        limit: None,
        before: None,
    };
    let message = ClientMessage::History(request);
    connection.send(&message).await.unwrap();
    let values = answer(&mut connection, |message| match message {
        ServerMessage::History(history) => Some(history.updates),
        _ => None,
    })
    .await;
    let values: Vec<_> = values.iter().map(number).collect();
    assert_eq!(values, [1.0, 2.0, 3.0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_used_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let server = start(&path, &[]).await;
    let error = refused(&path).await;
    assert!(error.contains("another server uses this log"), "{error}");
    server.kill().await;
    fs::write(path.join("notes.txt"), "mine").unwrap();
    let error = refused(&path).await;
    assert!(
        error.contains("notes.txt is not a part of a log"),
        "{error}"
    );
    fs::remove_file(path.join("notes.txt")).unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = refused(&file).await;
    assert!(error.contains("file"), "{error}");
}

/// The server finds another boot id in the place where Linux tells it.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_power_cut_a_new_epoch_continues_the_old_one_and_after_a_clean_end_none_begins() {
    let folder = tempfile::tempdir().unwrap();
    let boots = [Boot::another().await, Boot::another().await];
    let start_in = async |boot| {
        let arguments = arguments(folder.path());
        Program::start_in(boot, "127.0.0.1:0", &arguments).await
    };
    let resume = async |server: &Program, token| {
        let url = server.url();
        Subscriber::resume(&url, Encoding::Json, "#", Mode::Every, Some(token)).await
    };
    let server = start(folder.path(), &[]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    publisher.readings("a", 1..=3).await;
    let mut client = Subscriber::start(&server.url(), Encoding::Json, "#", Mode::Every).await;
    assert_eq!(client.updates().await.len(), 1);
    let (token, before) = (client.token(), client.accepted.epoch);
    assert_eq!(publisher.readings("a", 4..=5).await, 5);
    stop(server, true).await;

    let server = start_in(&boots[0]).await;
    assert_ne!(epoch(&server).await, before);
    let mut client = resume(&server, token).await;
    // What was written has survived: the client goes on behind what it has.
    assert_eq!(client.accepted.start, Start::Resumed);
    let numbers: Vec<_> = client.take(2).await.iter().map(number).collect();
    assert_eq!(numbers, [4.0, 5.0]);
    let (token, before) = (client.token(), client.accepted.epoch);

    // A crash of the server alone, in the same start of the machine.
    stop(server, true).await;
    let server = start_in(&boots[0]).await;
    assert_eq!(resume(&server, token).await.accepted.epoch, before);
    // A clean end, and then another one.
    stop(server, false).await;
    let server = start_in(&boots[1]).await;
    let client = resume(&server, token).await;
    assert_eq!(
        (client.accepted.start, client.accepted.epoch),
        (Start::Resumed, before)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_log_and_a_new_epoch_that_is_asked_for_continue_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let (original, copy) = (folder.path().join("log"), folder.path().join("copy"));
    let server = start(&original, &[]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    assert_eq!(publisher.readings("a", 1..=3).await, 3);
    let epoch = epoch(&server).await;
    stop(server, false).await;
    copy_folder(&original, &copy);
    let of_copy = start(&copy, &[]).await;
    let of_original = start(&original, &[]).await;
    assert_eq!(self::epoch(&of_original).await, epoch);
    assert_ne!(self::epoch(&of_copy).await, epoch);
    for server in [&of_copy, &of_original] {
        let mut publisher = Publisher::start(&server.url()).await;
        assert_eq!(publisher.readings("a", 4..=4).await, 4);
    }
    stop(of_original, false).await;
    let again = start(&original, &["--new-epoch", "true"]).await;
    assert_ne!(self::epoch(&again).await, epoch);
}

async fn epoch(server: &Program) -> Epoch {
    let client = Subscriber::start(&server.url(), Encoding::Json, "#", Mode::Every).await;
    client.accepted.epoch
}

/// Limits how far into a file the server may write, which is an error there; `None` for no limit.
pub(crate) async fn limit_writes(server: &Bare, bytes: Option<u64>) {
    let bytes = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let mut command = Command::new("prlimit");
    let id = server.id().to_string();
    command.args(["--pid", &id, &format!("--fsize={bytes}:")]);
    assert!(command.status().await.unwrap().success());
}

pub(crate) async fn start_limited(folder: &Path, policy: &str, more: &[&str]) -> Bare {
    let policy = ["--on-data-failure", policy];
    let arguments = [&arguments(folder)[..], &policy, more].concat();
    // Without this the first write ends the program.
    Bare::start("trap '' XFSZ;", &arguments, Stdio::null()).await
}

async fn publish(connection: &mut Connection, id: u32) {
    let publish = Publish {
        id: Some(id),
        updates: vec![reading("a", id.into())],
    };
    let message = ClientMessage::Publish(publish);
    connection.send(&message).await.unwrap();
}

/// The answer to a publish: a position, or why not.
async fn published(connection: &mut Connection, id: u32) -> Result<u64, ErrorCode> {
    answer(connection, |message: ServerMessage<Topic>| match message {
        ServerMessage::Published(published) if published.id == id => Some(Ok(published.position)),
        ServerMessage::Error(error) if error.id == Some(id) => Some(Err(error.code)),
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_log_cannot_be_written_updates_wait_and_publishes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_limited(folder.path(), "stop", &[]).await;
    let url = format!("ws://{}/ws", server.address);
    let mut first = connect(&url, Encoding::Bincode).await;
    let mut second = connect(&url, Encoding::Json).await;
    let mut client = Subscriber::start(&url, Encoding::Json, "#", Mode::Every).await;
    publish(&mut first, 1).await;
    assert_eq!(published(&mut first, 1).await, Ok(1));
    assert_eq!(number(&client.take(1).await[0]), 1.0);
    limit_writes(&server, Some(100)).await;
    publish(&mut first, 2).await;
    until("it is told", async || {
        let (status, body) = reply(server.admin, "/readyz").await.unwrap();
        status == 503 && body.contains("the log on disk cannot be written")
    })
    .await;
    assert_eq!(server.metric("tickcast_data_stopped").await, 1);
    assert!(server.counts("tickcast_data_failures_total").await);
    publish(&mut second, 3).await;
    assert_eq!(published(&mut second, 3).await, Err(ErrorCode::NotRecorded));
    limit_writes(&server, None).await;
    // What waited is written and delivered; nothing is missing.
    assert_eq!(published(&mut first, 2).await, Ok(2));
    assert_eq!(number(&client.take(1).await[0]), 2.0);
    until("it is over", async || {
        reply(server.admin, "/readyz").await.unwrap().0 == 200
    })
    .await;
    publish(&mut second, 4).await;
    assert_eq!(published(&mut second, 4).await, Ok(3));
    assert_eq!(server.metric("tickcast_data_unwritten").await, 0);
    let token = client.token();
    server.kill().await;
    let server = start(folder.path(), &[]).await;
    let client =
        Subscriber::resume(&server.url(), Encoding::Json, "#", Mode::Every, Some(token)).await;
    assert_eq!(client.accepted.start, Start::Resumed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_on_without_the_log_counts_it_and_begins_a_new_epoch_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_limited(folder.path(), "go-on", &[]).await;
    let url = format!("ws://{}/ws", server.address);
    let mut publisher = connect(&url, Encoding::Bincode).await;
    publish(&mut publisher, 1).await;
    assert_eq!(published(&mut publisher, 1).await, Ok(1));
    limit_writes(&server, Some(100)).await;
    publish(&mut publisher, 2).await;
    assert_eq!(published(&mut publisher, 2).await, Ok(2));
    publish(&mut publisher, 3).await;
    assert_eq!(published(&mut publisher, 3).await, Ok(3));
    assert_eq!(server.metric("tickcast_data_off").await, 1);
    assert_eq!(server.metric("tickcast_data_stopped").await, 0);
    assert_eq!(server.metric("tickcast_data_unwritten").await, 2);
    let (status, body) = reply(server.admin, "/readyz").await.unwrap();
    assert!(status == 200 && body.contains("without the log"), "{body}");
    let client = Subscriber::start(&url, Encoding::Json, "#", Mode::Every).await;
    let before = client.accepted.epoch;
    assert!(server.terminate().await.success());
    let server = start(folder.path(), &[]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    assert_eq!(publisher.readings("a", 4..=4).await, 2, "the log ends at 1");
    assert_ne!(epoch(&server).await, before);
}
