//! The example of an embedded server: its updates are on the tape when it says so.
//! README.md has the command.

#[allow(dead_code, reason = "the test calls `publish` instead of `main`")]
#[path = "../../examples/embedded.rs"]
mod example;

use tickcast_server::Server;

#[tokio::test]
async fn the_embedded_server_publishes_its_own_numbers() {
    let server = Server::start(example::settings("127.0.0.1:0").unwrap()).unwrap();
    example::publish(&server, 2).await.unwrap();
    let url = format!(
        "http://{}/v1/latest?filter=program/uptime_s",
        server.address()
    );
    let answer = tokio::process::Command::new("curl")
        .args(["--silent", "--fail", &url])
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(answer.stdout).unwrap();
    assert!(text.contains(r#""position":2,"#), "{text}");
    tokio::task::spawn_blocking(|| server.shutdown())
        .await
        .unwrap();
}
