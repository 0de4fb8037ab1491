//! Connections of clients to servers, without waiting: opening, handshake, messages and answers.
//!
//! The sockets stay our own code, on `mio`, for the reasons in [`crate::wire::websocket`]: the
//! moment of each read and write must be known, and a connection must cost next to nothing. An
//! asynchronous runtime would put a task and a scheduler between the socket and the clock.

mod error;
mod reader;
mod socket;
mod stream;
mod websocket_client;

pub use error::ClientConnectionError;
pub use reader::SocketReader;
pub use socket::SocketOptions;
pub use websocket_client::{ClientConnection, Opening};
