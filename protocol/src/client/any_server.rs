//! The client's WebSocket without Tickcast's protocol, for servers of any other kind.
//!
//! Connect with [`connect`], put TLS around the stream if [`ServerUrl::is_tls`] says so, switch to
//! WebSocket with [`upgrade`], and go on with a [`WebSocket`].

pub use super::{
    handshake::{ServerUrl, UpgradedStream, connect, upgrade},
    websocket::{CloseFrame, Message, WebSocket, WebSocketError},
};
