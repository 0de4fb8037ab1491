//! The Rust client and its source of tokens, with signed tokens of a real server: renewed before
//! they expire, refused, narrowed, ended.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};
use tempfile::TempDir;
use tickcast_protocol::{
    client::{Client, ClientHandle, ClientOptions, ConnectOptions, Event, TokenSource, Why},
    codec::Encoding,
    error::{CloseCode, ErrorCode},
    message::{BearerToken, Mode, Publication, Start},
    topic::{Filter, Topic},
    value,
};
use tickcast_server_testkit::{Program, soon};

use super::identities::operate;

const SECRET: &[u8] = b"a secret of thirty-two bytes or more";

const FILE: &str = r#"
[roles.trader]
subscribe = ["eu/#"]
publish = ["eu/#"]

[jwt]
audience = "tickcast"
leeway_s = 0

[[jwt.keys]]
kid = "k"
algorithm = "HS256"
file = "secret"
"#;

/// A server that knows tokens by their signature, and the newest token of a client.
struct Signed {
    _folder: TempDir,
    server: Program,
    newest: Arc<Mutex<Result<String, String>>>,
}

fn seconds_from_now(seconds: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() + seconds
}

/// A token of alice that expires after some seconds.
fn sign(seconds: u64, more: Value) -> String {
    let mut claims = json!({
        "sub": "alice", "role": "trader", "aud": "tickcast", "exp": seconds_from_now(seconds),
    });
    let more = more.as_object().unwrap().clone();
    claims.as_object_mut().unwrap().extend(more);
    let header = json!({"alg": "HS256", "kid": "k"});
    let [header, claims] =
        [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

impl Signed {
    async fn start(first: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        write("secret", &BASE64_STANDARD.encode(SECRET));
        let path = write("identities.toml", FILE).display().to_string();
        let server = Program::start(&["--identities", &path, "--feed", "none"]).await;
        Self {
            _folder: folder,
            server,
            newest: Arc::new(Mutex::new(Ok(first))),
        }
    }

    fn set(&self, token: Result<String, String>) {
        *self.newest.lock().unwrap() = token;
    }

    fn client(&self) -> (Client, ClientHandle) {
        let connect = ConnectOptions::new(self.server.url(), Encoding::Bincode);
        let newest = Arc::clone(&self.newest);
        let (client, handle) = Client::new(ClientOptions {
            token: Some(TokenSource::fallible(move || {
                newest.lock().unwrap().clone().map(BearerToken::new)
            })),
            ..ClientOptions::new(connect)
        });
        let filters = ["eu/de", "eu/fr"].map(|filter| Filter::new(filter).unwrap());
        handle.subscribe(filters, Mode::Every, None).unwrap();
        (client, handle)
    }
}

/// Waits for an event, and fails if another one of these comes first.
async fn next<T>(client: &mut Client, what: &str, wanted: impl Fn(&Event) -> Option<T>) -> T {
    loop {
        let event = soon(what, client.next()).await;
        if let Some(found) = wanted(&event) {
            return found;
        }
        let is_quiet = matches!(
            event,
            Event::Connecting { .. }
                | Event::Connected(_)
                | Event::Accepted { .. }
                | Event::Authenticated(_)
                | Event::Clock(_)
                | Event::Heartbeat(_)
                | Event::Batch(_)
                | Event::Published(_)
        );
        assert!(is_quiet, "{what}: {event:?}");
    }
}

async fn accepted(client: &mut Client) -> Start {
    next(client, "a subscription", |event| match event {
        Event::Accepted { accepted, .. } => Some(accepted.start),
        _ => None,
    })
    .await
}

/// Publishes a number, and waits until it comes back at the position that it got.
async fn publish(client: &mut Client, handle: &ClientHandle, topic: &str, number: f64) -> u64 {
    let update = Publication {
        topic: topic.to_owned(),
        value: value::Value::Reading(number),
        source_time_ns: None,
    };
    handle.publish(vec![update]).unwrap();
    let topic = Topic::new(topic).unwrap();
    loop {
        let batch = next(client, "an update", |event| match event {
            Event::Batch(batch) => Some(batch.clone()),
            _ => None,
        })
        .await;
        let found = batch
            .updates
            .iter()
            .find(|update| update.topic == topic && update.value == value::Value::Reading(number));
        if let Some(update) = found {
            return update.position;
        }
    }
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires_and_the_connection_stays() {
    let signed = Signed::start(sign(15, json!({}))).await;
    let (mut client, handle) = signed.client();
    assert_eq!(accepted(&mut client).await, Start::Fresh);
    assert_eq!(accepted(&mut client).await, Start::Fresh);
    let before = publish(&mut client, &handle, "eu/de", 1.0).await;
    next(&mut client, "the warning", |event| match event {
        Event::Expiring(_) => Some(()),
        _ => None,
    })
    .await;
    // A token that the server refuses is told, and changes nothing.
    signed.set(Ok(sign(600, json!({"aud": "another"}))));
    let refused = next(&mut client, "the refusal", |event| match event {
        Event::Error(error) => Some(error.clone()),
        _ => None,
    })
    .await;
    assert_eq!(refused.code, ErrorCode::TokenRefused);
    assert_eq!(refused.reason, "the token is for another audience");
    let new = sign(600, json!({}));
    signed.set(Ok(new.clone()));
    let told = next(&mut client, "the new end", |event| match event {
        Event::Authenticated(told) => Some(told.clone()),
        _ => None,
    })
    .await;
    assert!(told.id.is_some());
    assert!(
        told.expires_ns.unwrap() > i64::try_from(seconds_from_now(60)).unwrap() * 1_000_000_000
    );
    // The subscriptions have never ended.
    let after = publish(&mut client, &handle, "eu/fr", 2.0).await;
    assert!(after > before);
    for text in [
        format!("{client:?}"),
        format!("{handle:?}"),
        format!("{told:?}"),
    ] {
        assert!(!text.contains(&new), "{text}");
    }
}

#[tokio::test]
async fn after_its_token_has_expired_a_client_waits_for_another_one_and_resumes() {
    // The warning comes a fifth of this time before the end, and a shard looks twice a second.
    let signed = Signed::start(sign(6, json!({}))).await;
    let (mut client, handle) = signed.client();
    assert_eq!(accepted(&mut client).await, Start::Fresh);
    assert_eq!(accepted(&mut client).await, Start::Fresh);
    publish(&mut client, &handle, "eu/de", 1.0).await;
    let lost = |event: &Event| match event {
        Event::Disconnected(end) => Some(end.clone()),
        _ => None,
    };
    next(&mut client, "the warning", |event| match event {
        Event::Expiring(_) => Some(()),
        _ => None,
    })
    .await;
    let end = next(&mut client, "the end", lost).await;
    assert_eq!(end.close_code(), Some(CloseCode::TokenExpired.number()));
    assert!(end.retry_in.is_some());
    let waiting = soon("the next attempt", client.next()).await;
    let waiting = lost(&waiting).unwrap();
    assert_eq!(
        waiting.why.to_string(),
        "cannot log in: token expired (4002), token expired; no other token yet"
    );
    signed.set(Err("the file is gone".to_owned()));
    let waiting = soon("the next attempt", client.next()).await;
    let waiting = lost(&waiting).unwrap();
    assert_eq!(waiting.why, Why::NoToken("the file is gone".to_owned()));
    assert!(waiting.retry_in.is_some());
    signed.set(Ok(sign(600, json!({}))));
    let resumed = loop {
        match soon("the subscription", client.next()).await {
            Event::Accepted { accepted, .. } => break accepted.start,
            Event::Reset { .. } => panic!("the positions are lost"),
            _ => {}
        }
    };
    assert_eq!(resumed, Start::Resumed);
}

#[tokio::test]
async fn a_token_that_allows_less_ends_what_it_does_not_allow_at_a_position() {
    let signed = Signed::start(sign(15, json!({}))).await;
    let (mut client, handle) = signed.client();
    accepted(&mut client).await;
    accepted(&mut client).await;
    let position = publish(&mut client, &handle, "eu/fr", 1.0).await;
    signed.set(Ok(sign(600, json!({"subscribe": ["eu/de"]}))));
    next(&mut client, "the warning", |event| match event {
        Event::Expiring(_) => Some(()),
        _ => None,
    })
    .await;
    let (filter, ended, reason) = next(&mut client, "the end", |event| match event {
        Event::Ended {
            filter,
            position,
            reason,
        } => Some((filter.clone(), *position, reason.clone())),
        _ => None,
    })
    .await;
    assert_eq!(filter.as_str(), "eu/fr");
    assert!(ended >= position);
    assert_eq!(
        reason,
        "subscribing to \"eu/fr\" is not allowed for \"alice\" (role \"trader\"); \
         allowed: \"eu/de\""
    );
    publish(&mut client, &handle, "eu/de", 2.0).await;
}

#[tokio::test]
async fn a_refused_or_revoked_token_is_not_shown_again_and_another_one_is() {
    let signed = Signed::start(sign(600, json!({"aud": "another"}))).await;
    let (mut client, _handle) = signed.client();
    let lost = |event: &Event| match event {
        Event::Disconnected(end) => Some(end.clone()),
        _ => None,
    };
    let end = next(&mut client, "the refusal", lost).await;
    assert!(end.why.to_string().contains("401"), "{}", end.why);
    for _ in 0..2 {
        // There is no attempt with the same token.
        let end = soon("the next event", client.next()).await;
        let why = lost(&end).unwrap().why.to_string();
        assert_eq!(
            why,
            "cannot log in: the token is for another audience; no other token yet"
        );
    }
    signed.set(Ok(sign(600, json!({}))));
    loop {
        if let Event::Accepted { .. } = soon("a subscription", client.next()).await {
            break;
        }
    }
}

/// A revoked token ends the connection with 4502, and a client whose source has another token comes
/// back.
#[tokio::test]
async fn a_client_comes_back_with_another_token_after_its_token_was_revoked() {
    let mut identities = super::identities::Identities::new();
    let [first, second] = [
        identities.make("alice", "reader").await,
        identities.make("alice", "reader").await,
    ];
    identities.write(super::identities::READER);
    let (server, admin) = identities.start(&["--feed", "none"]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, format!("{first}\n")).unwrap();
    let (mut client, handle) = Client::new(ClientOptions {
        token: Some(TokenSource::file(file.clone())),
        ..ClientOptions::new(ConnectOptions::new(server.url(), Encoding::Bincode))
    });
    handle
        .subscribe([Filter::new("eu/#").unwrap()], Mode::Every, None)
        .unwrap();
    accepted(&mut client).await;
    revoke(&identities.path(), admin).await;
    let end = next(&mut client, "the end", |event| match event {
        Event::Disconnected(end) => Some(end.clone()),
        _ => None,
    })
    .await;
    assert_eq!(end.close_code(), Some(CloseCode::Revoked.number()));
    assert!(end.retry_in.is_some());
    fs::write(&file, second).unwrap();
    loop {
        match soon("the subscription", client.next()).await {
            Event::Accepted { accepted, .. } => {
                assert_eq!(accepted.start, Start::Resumed);
                return;
            }
            Event::Disconnected(end) => assert!(end.retry_in.is_some()),
            _ => {}
        }
    }
}

/// Revokes the first token of the file.
async fn revoke(file: &Path, admin: std::net::SocketAddr) {
    let text = fs::read_to_string(file).unwrap();
    let (_, rest) = text.split_once("id = \"").unwrap();
    let (id, _) = rest.split_once('"').unwrap();
    let path = format!("/v1/revoke?token={id}");
    assert_eq!(operate(admin, &path).await.status, 200);
}
