//! Bytes on the wire, without sockets: WebSocket frames of a client, whole messages out of a stream
//! of bytes, bytes that wait for a socket, and the MQTT packets of a publisher. Pure.

mod inbox;
pub mod mqtt;
mod outbox;
pub mod websocket;

pub use inbox::{Inbox, InboxError};
pub use outbox::Outbox;
