//! How a WebSocket takes the place of a client's polls.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tickcast_core::wire;
use tickcast_protocol::codec::CLIENT_MESSAGE_MAX_BYTES;
use tokio::time::timeout;

use super::{
    connect::{send, send_frame},
    exchange::Exchange,
    talk::{Upgrade, UpgradeStep},
};
use crate::{
    net::{
        arrival::Arrived,
        outlet::Outlet,
        stream::Stream,
        ws_reader::{Inbound, MessageReader},
    },
    settings::ServerSettings,
};

/// Maximum time of an upgrade. The client ends its last poll meanwhile, which takes a round trip.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type Reader = MessageReader<Stream>;

/// Lets a WebSocket take the place of polls. Returns it when the client has ended its last poll.
pub(super) async fn upgrade(
    exchange: Arc<Exchange>,
    arrived: Arrived,
    read: Bytes,
    settings: Arc<ServerSettings>,
) -> Option<(Stream, Reader)> {
    let stream = arrived.into_stream().ok()?;
    let mut reader = reader(&stream, &read, &settings);
    let outlet = Outlet::Tcp(stream.clone());
    let probing = async {
        let mut upgrade = Upgrade::default();
        loop {
            let text = match reader.next().await {
                Ok(Inbound::Text(text)) => text,
                Ok(Inbound::Ping(payload)) => {
                    send_frame(&outlet, &wire::pong(&payload), &settings)
                        .await
                        .ok()?;
                    continue;
                }
                Ok(Inbound::Pong) => continue,
                Ok(Inbound::Binary(_) | Inbound::Close(_)) | Err(_) => return None,
            };
            match upgrade.take(&String::from_utf8_lossy(&text)) {
                UpgradeStep::Answer(packet) => {
                    send(&outlet, packet, &settings).await.ok()?;
                    exchange.set_probed(true);
                }
                UpgradeStep::Done => return Some(()),
                UpgradeStep::Failed => return None,
            }
        }
    };
    let is_done = timeout(UPGRADE_TIMEOUT, probing).await.ok().flatten();
    exchange.set_probed(false);
    is_done?;
    let rest = exchange.begin_upgrade()?;
    if send_frame(&outlet, &rest, &settings).await.is_err() {
        exchange.lose();
        return None;
    }
    Some((stream, reader))
}

/// A reader of a client's packets.
pub(super) fn reader(stream: &Stream, read: &Bytes, settings: &ServerSettings) -> Reader {
    MessageReader::new(stream.clone(), read, CLIENT_MESSAGE_MAX_BYTES)
        .with_message_timeout(settings.message_timeout)
}
