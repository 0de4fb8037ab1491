//! Commands of operators: a role of their own, and the log's filter.

use std::net::SocketAddr;

use tickcast_server_testkit::{
    Program,
    raw::{Answer, ask, get},
    until,
};

use crate::identities::{Identities, READER, bearer};

const ROLES: &str = "[roles.warden]\ncommands = [\"who\", \"kick\"]\n\
                     [admin]\nalways_token = true\n";

pub(crate) async fn send(admin: SocketAddr, method: &str, path: &str, more: &str) -> Answer {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n");
    ask(admin, &format!("{head}{more}")).await
}

#[tokio::test]
async fn a_command_needs_a_token_whose_role_has_it() {
    let mut identities = Identities::new();
    let warden = identities.make("wendy", "warden").await;
    let reader = identities.make("alice", "reader").await;
    identities.write(&format!("{READER}{ROLES}"));
    let (server, admin) = identities.start(&["--feed", "none"]).await;
    for (method, path, more, status) in [
        ("GET", "/v1/who", "", 401),
        ("GET", "/v1/who", &*bearer("tct_wrong"), 401),
        ("GET", "/v1/who", &bearer(&reader), 403),
        ("GET", "/v1/who", &bearer(&warden), 200),
        ("POST", "/v1/kick?subject=alice", &bearer(&warden), 200),
        ("POST", "/v1/kick?subject=alice", "", 401),
        ("POST", "/v1/revoke?subject=alice", &bearer(&warden), 403),
        ("POST", "/v1/reload", &bearer(&warden), 403),
        ("POST", "/v1/log?filter=debug", &bearer(&warden), 403),
    ] {
        let answer = send(admin, method, path, more).await;
        assert_eq!(answer.status, status, "{path} {more}: {}", answer.body);
        if status == 403 {
            let told = answer.body.contains("it has: ");
            assert!(told, "{}", answer.body);
        }
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
    }
    // Health, metrics and slow clients need no token.
    for path in ["/healthz", "/metrics", "/v1/slow"] {
        assert_eq!(get(admin, path).await.status, 200, "{path}");
    }
    drop(server);
}

/// The variable of a script may be empty. All clients without a token have an empty subject, and a
/// revocation lasts beyond a restart.
#[tokio::test]
async fn an_empty_subject_is_refused_and_ends_no_client() {
    let identities = Identities::new();
    identities.write("[roles.guest]\nsubscribe = [\"#\"]\n[anonymous]\nrole = \"guest\"\n");
    let (server, admin) = identities.start(&["--feed", "none"]).await;
    for path in ["/v1/kick?subject=", "/v1/revoke?subject="] {
        let answer = send(admin, "POST", path, "").await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
        assert!(answer.body.contains("subject is empty"), "{}", answer.body);
    }
    let latest = get(server.address, "/v1/latest?filter=a").await;
    assert_eq!(latest.status, 200, "{}", latest.body);
    // What an earlier version has revoked can be restored.
    let answer = send(admin, "POST", "/v1/restore?subject=", "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn an_unknown_command_of_a_role_is_named() {
    let identities = Identities::new();
    identities.write("[roles.warden]\ncommands = [\"stop\"]\n");
    let path = identities.path().display().to_string();
    let arguments = ["--identities", path.as_str(), "--feed", "none"];
    let output = tickcast_server_testkit::command(&arguments).output().await;
    let output = output.unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("there is no command \"stop\""), "{text}");
}

#[tokio::test]
async fn an_operator_changes_the_filter_of_the_log() {
    let arguments = ["--feed", "none", "--admin", "127.0.0.1:0"];
    let server = Program::start(&arguments).await;
    let (_, address) = server.first_log().split_once("http://").unwrap();
    let admin: SocketAddr = address.split_once('/').unwrap().0.parse().unwrap();
    let wrong = send(admin, "POST", "/v1/log?filter=loud", "").await;
    assert_eq!(wrong.status, 400, "{}", wrong.body);
    assert_eq!(send(admin, "POST", "/v1/log", "").await.status, 400);
    assert_eq!(
        send(admin, "GET", "/v1/log?filter=debug", "").await.status,
        405
    );
    // A refusal for a method is logged at the level debug.
    assert!(!server.log().contains("the method is not supported here"));
    let changed = send(admin, "POST", "/v1/log?filter=debug", "").await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    until("refusals are logged", async || {
        send(admin, "GET", "/v1/log?filter=debug", "").await;
        server.log().contains("the method is not supported here")
    })
    .await;
}
