//! What happens in the row about the nodes of a cluster.

use tickcast_protocol::{
    codec::encode_client,
    message::{ClientMessage, Epoch, FilterRequest, Mode, Resume, Subscribe},
};
use tickcast_server_testkit::raw::{get, masked};

use super::{client::Client, scenarios::Scenario, stage::Stage, table::Target};

/// What a client of another node asks for that is further.
async fn further(server: &Stage, target: Target) -> Vec<u8> {
    let told = get(server.address, "/v1/cluster").await.body;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let epoch: Epoch = told["epoch"].as_str().unwrap().parse().unwrap();
    let resume = Resume {
        epoch,
        position: 1_000,
        count: Some(1_000),
        snapshot: None,
    };
    let message = ClientMessage::Subscribe(Subscribe {
        id: 1,
        filters: vec![FilterRequest {
            filter: "#".to_owned(),
            resume: Some(resume),
        }],
        mode: Mode::Every,
        max_rate_hz: None,
    });
    encode_client(&message, target.encoding())
}

pub(super) fn clusters() -> Vec<Scenario> {
    let behind = Scenario::new(
        "the client comes from a node of the cluster that is further than this one",
        |server, target| {
            Box::pin(async move {
                let message = further(server, target).await;
                let mut client = Client::open(server, target).await;
                client.send(&masked(client.message(), &message)).await;
                client.read_to_end().await
            })
        },
    );
    vec![behind.of_node()]
}
