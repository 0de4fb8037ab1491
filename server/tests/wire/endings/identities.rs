//! What happens in the rows about identities.

use std::time::Duration;

use jiff::Timestamp;
use tickcast_protocol::{
    codec::encode_client,
    message::{Authenticate, BearerToken, ClientMessage},
};
use tickcast_server_testkit::raw::masked;
use tokio::time::sleep;

use super::{
    client::{Client, HttpClient, Seen},
    scenarios::Scenario,
    stage::{Stage, TOKEN},
    table::Target,
};

/// How long a token is valid: enough to connect.
const LIFE: Duration = Duration::from_millis(1_500);

/// The server looks for expired tokens four times in this interval.
const HEARTBEAT: &[(&str, &str)] = &[("--heartbeat", "400ms")];

/// What becomes of a client that has an identity.
#[derive(Clone, Copy)]
enum Fate {
    Expires,
    IsRevoked,
    IsGone,
    IsKicked,
}

/// Has it happen.
async fn happen(server: &Stage, fate: Fate) {
    match fate {
        Fate::Expires => {
            let end = Timestamp::now() + LIFE;
            server.change(Some(&format!("expires = {end}"))).await;
            sleep(end.duration_since(Timestamp::now()).unsigned_abs()).await;
        }
        Fate::IsRevoked => server.operate("/v1/revoke?subject=alice").await,
        Fate::IsGone => server.change(None).await,
        Fate::IsKicked => server.operate("/v1/kick?address=127.0.0.1").await,
    }
}

fn bearer() -> String {
    format!("Authorization: Bearer {TOKEN}\r\n")
}

async fn socket(server: &Stage, target: Target, fate: Fate) -> Seen {
    let mut client = Client::open_with(server, target, &bearer()).await;
    client.cause_is_now();
    happen(server, fate).await;
    if let Fate::Expires = fate {
        client.cause_is_now();
    }
    client.read_to_end().await
}

async fn stream(server: &Stage, fate: Fate) -> Seen {
    let mut client = HttpClient::open_stream_with(server, &bearer()).await;
    client.cause_is_now();
    happen(server, fate).await;
    if let Fate::Expires = fate {
        client.cause_is_now();
    }
    client.read_to_end().await.1
}

pub(super) fn identities() -> Vec<Scenario> {
    let scenarios = vec![
        Scenario::new("the client's token expires", |server, target| {
            Box::pin(socket(server, target, Fate::Expires))
        })
        .with(HEARTBEAT),
        Scenario::new("the client proves no identity in time", |server, target| {
            Box::pin(async move { Client::open(server, target).await.read_to_end().await })
        })
        .with(&[("--authenticate-timeout", "700ms")]),
        Scenario::new(
            "the client has no identity, and its token is refused",
            |server, target| {
                Box::pin(async move {
                    let mut client = Client::open(server, target).await;
                    let message = ClientMessage::Authenticate(Authenticate {
                        id: 1,
                        token: BearerToken::new("tct_wrong".to_owned()),
                    });
                    let bytes = encode_client(&message, target.encoding());
                    client.send(&masked(client.message(), &bytes)).await;
                    client.read_to_end().await
                })
            },
        ),
        Scenario::new("the client's identity is revoked", |server, target| {
            Box::pin(socket(server, target, Fate::IsRevoked))
        }),
        Scenario::new(
            "the client's token is no longer in the identities file",
            |server, target| Box::pin(socket(server, target, Fate::IsGone)),
        ),
        Scenario::new("an operator ends the connection", |server, target| {
            Box::pin(socket(server, target, Fate::IsKicked))
        }),
        Scenario::new("the token of an event stream expires", |server, _| {
            Box::pin(stream(server, Fate::Expires))
        })
        .with(HEARTBEAT),
        Scenario::new("the identity of an event stream is revoked", |server, _| {
            Box::pin(stream(server, Fate::IsRevoked))
        }),
        Scenario::new("an operator ends an event stream", |server, _| {
            Box::pin(stream(server, Fate::IsKicked))
        }),
    ];
    let with_identities = |scenario: Scenario| scenario.with_identities();
    scenarios.into_iter().map(with_identities).collect()
}
