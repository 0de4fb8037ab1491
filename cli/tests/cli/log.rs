//! `tickcast log`, on the log of a server that is running.

use std::{fs, io::pipe, path::Path, process::Stdio};

use tickcast_server_testkit::Program;

use crate::support::{Ended, end, run, tickcast};

async fn log(arguments: &[&str]) -> Ended {
    let arguments = [&["log"], arguments].concat();
    end(tickcast(&arguments).spawn().unwrap()).await
}

/// A server with three updates in its log.
async fn serve(folder: &Path) -> Program {
    let server = Program::start(&["--feed", "none", "--data", folder.to_str().unwrap()]).await;
    for value in ["1", "2", "3"] {
        let said = run(&server, &["pub", "a/b", value]).await.said(0);
        assert!(said.contains("1 update published"), "{said}");
    }
    server
}

#[tokio::test]
async fn the_tools_read_the_log_of_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("tape");
    let server = serve(&tape).await;
    let dir = tape.to_str().unwrap();
    let out = log(&["verify", dir]).await.with(0);
    assert!(out.ends_with(" 3 updates, 0 problems\n"), "{out}");
    let out = log(&["stats", dir]).await.with(0);
    assert!(out.contains("positions  1 to 3\n"), "{out}");
    let out = log(&["dump", dir, "--from", "2", "--updates"]).await;
    assert_eq!(out.with(0).matches("a/b").count(), 2);

    let file = folder.path().join("range.jsonl");
    let file = file.to_str().unwrap();
    let range = ["export", dir, "--to", "2", "--output", file];
    let said = log(&range).await.said(0);
    assert_eq!(said, "2 updates, 0 statuses, 0 positions missing\n");
    let replay = ["replay", file, "--topic-prefix", "again/", "--speed", "max"];
    let said = run(&server, &replay).await.said(0);
    assert_eq!(said, "tickcast: 2 updates published\n");
    // A file that is there is not replaced.
    let said = log(&range).await.said(1);
    assert!(said.starts_with("tickcast: creating "), "{said}");
    assert_eq!(fs::read_to_string(file).unwrap().lines().count(), 2);
}

#[tokio::test]
async fn a_log_that_is_not_whole_ends_with_1_and_a_wrong_command_line_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path()).await;
    server.terminate().await;
    assert!(server.end().await.success());
    let dir = folder.path().to_str().unwrap();
    let segment = folder.path().join("0000000001.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let topic = bytes.windows(3).position(|bytes| bytes == b"a/b").unwrap();
    bytes[topic] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let out = log(&["verify", dir]).await.with(1);
    assert!(out.contains("problem: 0000000001.seg: at byte "), "{out}");
    let said = log(&["export", dir]).await.said(1);
    assert!(said.contains("positions missing\n"), "{said}");

    let said = log(&["stats", "/no/such"]).await.said(1);
    assert_eq!(said, "tickcast: /no/such: there is no such folder\n");
    let said = log(&["export", dir, "--from", "noon"]).await.said(2);
    assert!(said.contains("expected a position or a time"), "{said}");
    log(&["verify"]).await.with(2);
}

#[tokio::test]
async fn a_reader_that_has_left_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let _server = serve(folder.path()).await;
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let arguments = ["log", "dump", folder.path().to_str().unwrap()];
    let mut command = tickcast(&arguments);
    command.stdout(Stdio::from(writer));
    let child = command.spawn().unwrap();
    drop(command);
    assert_eq!(end(child).await.said(0), "");
}
