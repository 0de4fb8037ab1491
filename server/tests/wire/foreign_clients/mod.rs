//! Clients from other projects, which know nothing of Tickcast.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use tickcast_protocol::value::Value;
use tickcast_server_testkit::{
    Program, soon,
    subscriber::{Publisher, publication, reading},
};
use tokio::{io::AsyncReadExt, process::Command};

/// A client that answers no ping is closed after `--ping` and `--pong-timeout`, each up to half a
/// second late. The clients are silent for longer than that.
const PINGS: [&str; 4] = ["--ping", "200ms", "--pong-timeout", "1s"];
const IDLE_S: &str = "2.3";

async fn server() -> Program {
    Program::start(&[&["--feed", "none", "--shards", "1"], &PINGS[..]].concat()).await
}

fn check_success(what: &str, output: &Output) {
    let (stdout, stderr) = (&output.stdout, &output.stderr);
    assert!(
        output.status.success(),
        "{what}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(stdout),
        String::from_utf8_lossy(stderr)
    );
}

/// Runs a command, which must succeed. Returns its output.
async fn run(what: &str, command: &mut Command) -> Vec<u8> {
    let output = command.kill_on_drop(true).output().await;
    let output = output.unwrap_or_else(|error| panic!("{what}: {error}"));
    check_success(what, &output);
    output.stdout
}

/// Runs a client with a new server.
async fn check_client(what: &str, client: &mut Command) {
    let server = server().await;
    client.args([&server.address.to_string(), IDLE_S]);
    let told = soon(what, run(what, client)).await;
    assert_eq!(told, b"all is well\n", "{what}");
    // Each close code of the client was received.
    for code in ["1000", "1001", "1003", "other"] {
        let row = format!("tickcast_closes_total{{code=\"{code}\"}}");
        assert!(server.metric(&row).await > 0, "{what}: {code}");
    }
}

/// Runs a Node script with an npm package, which is kept for the next run.
async fn check_npm_package(name: &str, version: &str, script: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("npm")
        .join(name);
    fs::create_dir_all(&folder).unwrap();
    let package = format!("{name}@{version}");
    let mut check = Command::new("node");
    let is_there = format!("require({:?})", format!("{name}/package.json"));
    check.args(["-e", &is_there]).current_dir(&folder);
    let is_there = check.stderr(Stdio::null()).status().await;
    if !is_there.is_ok_and(|status| status.success()) {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--no-save", &package])
            .current_dir(&folder);
        run("npm install", &mut npm).await;
    }
    let mut node = Command::new("node");
    node.args(["-e", script]).current_dir(&folder);
    check_client(&package, &mut node).await;
}

#[tokio::test]
async fn the_npm_package_ws_understands_the_server() {
    check_npm_package("ws", "8", include_str!("ws.js")).await;
}

#[tokio::test]
async fn the_npm_package_websocket_understands_the_server() {
    let script = include_str!("websocket.js");
    check_npm_package("websocket", "1", script).await;
}

/// A Python with the package `websockets`, which is kept for the next run.
async fn python() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let python = folder.join("bin/python");
    let mut check = Command::new(&python);
    check.args(["-c", "import websockets.sync.client"]);
    let is_there = check.stderr(Stdio::null()).status().await;
    if is_there.is_ok_and(|status| status.success()) {
        return python;
    }
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    run("python3 -m venv", &mut venv).await;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "websockets>=15,<18"]);
    run("pip install websockets", &mut pip).await;
    python
}

#[tokio::test]
async fn the_python_package_websockets_understands_the_server() {
    let mut client = Command::new(python().await);
    client.args(["-c", include_str!("client.py")]);
    check_client("websockets", &mut client).await;
}

fn curl(arguments: &[&str]) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--no-buffer"])
        .args(arguments);
    curl
}

#[tokio::test]
async fn curl_reads_the_newest_values() {
    let server = server().await;
    let mut publisher = Publisher::start(&server.url()).await;
    let door = publication("door", Value::Text("open".into()));
    let updates = vec![reading("plant/1", 21.5), reading("plant/1", 22.5), door];
    publisher.publish(updates).await;
    let url = format!("http://{}/v1/latest?filter=plant/%23", server.address);
    let body = run("curl", &mut curl(&["--fail", &url])).await;
    let latest: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let updates = latest["updates"].as_array().unwrap();
    assert_eq!(updates.len(), 1, "{latest}");
    assert_eq!(updates[0]["topic"], "plant/1");
    assert_eq!(updates[0]["value"]["reading"], 22.5);
}

#[tokio::test]
async fn curl_gets_the_same_file_compressed_and_not() {
    let server = server().await;
    let url = format!("http://{}/assets/index.js", server.address);
    let itself = run("curl", &mut curl(&["--fail", &url])).await;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients/javascript/index.js");
    assert_eq!(itself, fs::read(source).unwrap());
    let unpacked = run("curl", &mut curl(&["--fail", "--compressed", &url])).await;
    assert_eq!(unpacked, itself);
    let url = format!("http://{}/assets/src/client.js", server.address);
    let sizes = ["identity", "gzip"].map(async |coding| {
        let accept = format!("Accept-Encoding: {coding}");
        let told = "%{size_download} %{header_json}";
        let arguments = ["--output", "/dev/null", "--write-out", told, "--header"];
        let told = run("curl", curl(&arguments).args([&accept, &url])).await;
        let told = String::from_utf8(told).unwrap();
        let (size, fields) = told.split_once(' ').unwrap();
        let fields: serde_json::Value = serde_json::from_str(fields).unwrap();
        let expected = if coding == "gzip" { "gzip" } else { "" };
        let named = fields["content-encoding"][0].as_str().unwrap_or_default();
        assert_eq!(named, expected, "{fields}");
        assert_eq!(fields["vary"][0], "accept-encoding", "{fields}");
        let etag = format!("If-None-Match: {}", fields["etag"][0].as_str().unwrap());
        let arguments = ["--output", "/dev/null", "--write-out", "%{http_code}"];
        let fields = ["--header", &accept, "--header", &etag, &url];
        let code = run("curl", curl(&arguments).args(fields)).await;
        assert_eq!(code, b"304", "{etag}");
        size.parse::<usize>().unwrap()
    });
    let [identity, gzip] = sizes;
    let (identity, gzip) = (identity.await, gzip.await);
    assert!(gzip * 2 < identity, "{gzip} of {identity} bytes");
}

#[tokio::test]
async fn curl_makes_a_handshake_and_receives_the_welcome() {
    let server = server().await;
    let mut arguments = vec!["--include", "--http1.1"];
    for field in [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        // The key and the answer of RFC 6455, section 1.3.
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: tickcast.v1.json",
    ] {
        arguments.extend(["--header", field]);
    }
    let url = format!("http://{}/ws", server.address);
    arguments.push(&url);
    let mut client = curl(&arguments)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdout = client.stdout.take().unwrap();
    let mut text = String::new();
    soon("a welcome", async {
        let mut bytes = Vec::new();
        while !text.contains("tape_bytes") {
            assert_ne!(stdout.read_buf(&mut bytes).await.unwrap(), 0, "{text}");
            text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        }
    })
    .await;
    for part in [
        "http/1.1 101 switching protocols\r\n",
        "\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n",
        "\r\nsec-websocket-protocol: tickcast.v1.json\r\n",
        "{\"type\":\"welcome\",",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}
