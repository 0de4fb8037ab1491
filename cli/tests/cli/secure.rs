//! All commands with TLS and signed tokens, and a token that is renewed.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tickcast_server_testkit::{
    Program,
    certificates::{Authority, Validity},
    signal, soon, until,
};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::support::{Ended, end, tickcast, tickcast_at};

/// A server with TLS and signed tokens.
struct Secure {
    _server: Program,
    folder: TempDir,
    url: String,
}

impl Secure {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("ours");
        let certificate = authority.issue(&["localhost"], Validity::Now);
        let (cert, key) = certificate.write(folder.path(), "server");
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let secret = "dGhpcyBpcyBhIHNlY3JldCBvZiAzMiBieXRlcyAuLi4u";
        fs::write(folder.path().join("secret"), secret).unwrap();
        let identities = folder.path().join("identities.toml");
        let text = "[roles.desk]\nsubscribe = [\"desk/#\"]\nhistory = [\"desk/#\"]\n\
                    publish = [\"desk/#\"]\n\n[jwt]\naudience = \"tests\"\n\n[[jwt.keys]]\n\
                    kid = \"k1\"\nalgorithm = \"HS256\"\nfile = \"secret\"\n";
        fs::write(&identities, text).unwrap();
        let config = folder.path().join("tickcast.toml");
        let text = format!(
            "[[listen]]\naddress = \"127.0.0.1:0\"\ntls_cert = {cert:?}\ntls_key = {key:?}\n"
        );
        fs::write(&config, text).unwrap();
        let [config, identities] = [&config, &identities].map(|path| path.to_str().unwrap());
        let flags = [
            "--feed",
            "none",
            "--config",
            config,
            "--identities",
            identities,
        ];
        let server = Program::start(&flags).await;
        let port = tls_port(&server).await;
        Self {
            _server: server,
            folder,
            url: format!("wss://localhost:{port}/ws"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a token that is valid for a time, and writes it to a file at once.
    async fn token(&self, name: &str, expires: &str) -> PathBuf {
        let key = self.path("secret");
        let make = [
            "token",
            "make",
            "--key",
            key.to_str().unwrap(),
            "--kid",
            "k1",
            "--subject",
            "alice",
            "--role",
            "desk",
            "--audience",
            "tests",
            "--expires",
            expires,
        ];
        let token = end(tickcast(&make).spawn().unwrap()).await.with(0);
        let (new, file) = (self.path("new"), self.path(name));
        fs::write(&new, token).unwrap();
        fs::rename(new, &file).unwrap();
        file
    }

    fn command(&self, token: &Path, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tickcast(arguments);
        command
            .env("TICKCAST_URL", &self.url)
            .env("TICKCAST_CA", self.path("ca.pem"))
            .env("TICKCAST_TOKEN_FILE", token);
        command
    }

    async fn run(&self, token: &Path, arguments: &[&str]) -> Ended {
        end(self.command(token, arguments).spawn().unwrap()).await
    }
}

/// The port of the listener with TLS, which the server names after the other one.
async fn tls_port(server: &Program) -> u16 {
    let find = |log: &str| {
        let (_, rest) = log.split_once("wss://127.0.0.1:")?;
        rest.split_once('/')?.0.parse().ok()
    };
    let mut port = None;
    until("it listens with TLS", async || {
        port = find(server.first_log()).or_else(|| find(&server.log()));
        port.is_some()
    })
    .await;
    port.unwrap()
}

#[tokio::test]
async fn every_command_works_with_tls_and_a_token() {
    let secure = Secure::start().await;
    let token = secure.token("token", "1h").await;
    let shown = secure.run(&token, &["check"]).await.with(0);
    for told in [
        "TLS 1.3",
        "for localhost by CN=ours, until 2090-",
        "alice, role desk, until ",
        "desk/#",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    secure.run(&token, &["pub", "desk/a", "1.5"]).await.with(0);
    for command in [
        &["latest", "desk/#"][..],
        &["history", "desk/a"],
        &["tail", "desk/#", "--count", "1", "--encoding", "json"],
    ] {
        let shown = secure.run(&token, command).await.with(0);
        assert!(
            shown.contains(r#""value":{"reading":1.5}"#),
            "{command:?}: {shown}"
        );
    }
    let recording = secure.path("recording.jsonl");
    let path = recording.to_str().unwrap();
    let record = ["record", "desk/#", "-o", path, "--with-old", "--count", "1"];
    secure.run(&token, &record).await.with(0);
    secure
        .run(&token, &["replay", path, "--topic-prefix", "desk/again/"])
        .await
        .with(0);
    assert_eq!(secure.run(&token, &["topics", "desk/#"]).await.lines(), 2);
    secure.run(&token, &["history", "other/a"]).await.said(4);

    let shown = secure.run(&token, &["token", "show"]).await.with(0);
    for told in [
        "HS256",
        "key          k1",
        "sub          alice",
        "not checked",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    let none = secure.path("none");
    let said = secure.run(&none, &["latest", "desk/#"]).await.said(3);
    assert!(said.contains("cannot read the token file"), "{said}");
    for command in [
        &["latest", "desk/#"][..],
        &["history", "desk/a"],
        &["pub", "desk/a", "1"],
        &["check"],
    ] {
        let mut without = secure.command(&token, command);
        without.env_remove("TICKCAST_TOKEN_FILE");
        let said = end(without.spawn().unwrap()).await.said(3);
        assert!(said.contains("token"), "{command:?}: {said}");
    }
    let mut stranger = secure.command(&token, &["check"]);
    stranger.env_remove("TICKCAST_CA");
    let said = end(stranger.spawn().unwrap()).await.said(3);
    assert!(said.contains("--ca"), "{said}");
}

#[tokio::test]
async fn a_token_that_expires_is_read_anew_from_its_file() {
    let secure = Secure::start().await;
    // On a busy machine it takes a while until the first line is there.
    for seconds in [3, 6, 12] {
        if goes_on_after(&secure, Duration::from_secs(seconds)).await {
            return;
        }
    }
    panic!("no value came within 12 s");
}

/// Follows with a token that is valid for a time, and renews its file. Returns whether the first
/// value came in time; then all others must come, also after that time, on the same connection.
async fn goes_on_after(secure: &Secure, valid: Duration) -> bool {
    let writer = secure.token("writer", "1h").await;
    secure.run(&writer, &["pub", "desk/a", "0"]).await.with(0);
    let made = Instant::now();
    let expires = format!("{}s", valid.as_secs());
    let token = secure.token("token", &expires).await;
    let tail = ["tail", "desk/#", "--every"];
    let mut child = secure.command(&token, &tail).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = soon("a line, or the end", lines.next_line()).await.unwrap();
    // A second, because expiry is in whole ones.
    if first.is_none() || made.elapsed() + Duration::from_secs(1) > valid {
        return false;
    }
    secure.token("token", "1h").await;
    let mut number = 0;
    while made.elapsed() < valid + Duration::from_secs(1) {
        number += 1;
        let value = number.to_string();
        secure
            .run(&writer, &["pub", "desk/a", &value])
            .await
            .with(0);
        let line = soon("it goes on", lines.next_line()).await.unwrap();
        assert!(line.unwrap().contains("\"desk/a\""));
    }
    signal(&child, "INT").await;
    let ended = end(child).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    true
}

#[tokio::test]
async fn a_server_accepts_tokens_that_were_made_with_keys_of_each_kind() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: String| folder.path().join(name).to_str().unwrap().to_owned();
    let mut identities =
        "[roles.desk]\nsubscribe = [\"desk/#\"]\n\n[jwt]\naudience = \"tests\"\n".to_owned();
    let kinds = [
        ("EdDSA", "ed25519", None),
        ("ES256", "EC", Some("ec_paramgen_curve:P-256")),
        ("RS256", "RSA", Some("rsa_keygen_bits:2048")),
    ];
    for (algorithm, name, option) in kinds {
        let (key, public) = (path(format!("{name}.pem")), path(format!("{name}.pub")));
        let mut generate = vec!["genpkey", "-algorithm", name, "-out", &key];
        generate.extend(option.iter().flat_map(|option| ["-pkeyopt", option]));
        openssl(&generate).await;
        openssl(&["pkey", "-in", &key, "-pubout", "-out", &public]).await;
        identities.push_str(&format!(
            "\n[[jwt.keys]]\nkid = \"{name}\"\nalgorithm = \"{algorithm}\"\nfile = {public:?}\n"
        ));
    }
    let file = path("identities.toml".to_owned());
    fs::write(&file, identities).unwrap();
    let server = Program::start(&["--feed", "none", "--identities", &file]).await;
    for (_, name, _) in kinds {
        let key = path(format!("{name}.pem"));
        let make = [
            "token",
            "make",
            "--key",
            &key,
            "--kid",
            name,
            "--subject",
            name,
            "--role",
            "desk",
            "--audience",
            "tests",
            "--expires",
            "1h",
            "--subscribe",
            "desk/a",
            "--id",
            "t1",
        ];
        let token = end(tickcast(&make).spawn().unwrap()).await.with(0);
        let mut check = tickcast_at(&server, &["check"]);
        check.env("TICKCAST_TOKEN", token.trim());
        let shown = end(check.spawn().unwrap()).await.with(0);
        assert!(
            shown.contains(&format!("{name}, role desk, until ")),
            "{shown}"
        );
        assert!(shown.contains("subscribe   desk/a\n"), "{shown}");
    }
    let public = path("RSA.pub".to_owned());
    let make = [
        "token",
        "make",
        "--key",
        &public,
        "--kid",
        "a",
        "--subject",
        "a",
        "--role",
        "desk",
        "--audience",
        "tests",
        "--expires",
        "1h",
    ];
    let said = end(tickcast(&make).spawn().unwrap()).await.said(1);
    assert!(said.contains("is no private key"), "{said}");
}

async fn openssl(arguments: &[&str]) {
    let output = tokio::process::Command::new("openssl")
        .args(arguments)
        .output();
    let output = output.await.expect("openssl is installed");
    assert!(output.status.success(), "{output:?}");
}
