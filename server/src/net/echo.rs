//! `/echo`: returns each message to its client, for conformance suites and for measuring the
//! network.

use std::time::Duration;

use bytes::Bytes;
use tickcast_core::wire;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use super::{
    session::LINGER,
    ws_reader::{Inbound, InboundError, MessageReader},
};

/// Longest message.
pub(crate) const ECHO_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Serves one client.
pub(super) async fn serve(stream: TcpStream, read: Bytes, write_timeout: Duration) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = MessageReader::new(reader, &read, ECHO_MAX_BYTES);
    loop {
        let (frame, is_last) = match reader.next().await {
            Ok(Inbound::Text(bytes)) => (wire::text(&bytes), false),
            Ok(Inbound::Binary(bytes)) => (wire::binary(&bytes), false),
            Ok(Inbound::Ping(payload)) => (wire::pong(&payload), false),
            Ok(Inbound::Pong) => continue,
            Ok(Inbound::Close(code)) => (wire::close_answer(code), true),
            Err(InboundError::Lost) => return,
            Err(InboundError::Violation(violation)) => {
                (wire::close_with(violation.code, violation.reason), true)
            }
        };
        if !matches!(
            timeout(write_timeout, writer.write_all(&frame)).await,
            Ok(Ok(()))
        ) {
            return;
        }
        if is_last {
            let _ = timeout(LINGER, reader.discard()).await;
            return;
        }
    }
}
