//! When a feed was down: after a restart the log tells it for the candles and rows of before.

use tickcast_server_testkit::{Program, raw::get, until};

use crate::data;

/// Prints an update, and ends. The server starts it again a while later.
const SHELL: &str = "echo a 1";

/// The start and the state of each second of the topic that has a row.
async fn seconds(server: &Program) -> Vec<(String, String)> {
    let answer = get(server.address, "/v1/candles?topic=a&interval=1s").await;
    let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let rows = json["rows"].as_array().into_iter().flatten();
    rows.map(|row| (row["start_ns"].to_string(), row["state"].to_string()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn seconds_in_which_a_feed_was_down_stay_incomplete_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let program = ["--feed", "program", "--program-shell", SHELL];
    let server = Program::start(&[&program[..], &["--shards", "1", "--data", path]].concat()).await;
    let mut before = Vec::new();
    until("the program has run four times", async || {
        before = seconds(&server).await;
        before.len() >= 4
    })
    .await;
    server.terminate().await;
    assert!(server.end().await.success());
    // The one before the last row has ended. Each but the first began while the feed was down.
    let ended = &before[1..before.len() - 1];
    assert!(
        ended.iter().all(|(_, state)| state.contains("incomplete")),
        "{before:?}"
    );
    let server = data::start(folder.path(), &[]).await;
    let after = seconds(&server).await;
    assert_eq!(after[1..before.len() - 1], *ended);
    server.terminate().await;
    assert!(server.end().await.success());
}
