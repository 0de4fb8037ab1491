//! Socket.IO: its clients on the same port, with the same bounds as all others.
//!
//! To the shard a client of Socket.IO is a connection like any other, whose messages have another
//! form ([`Wire::SocketIo`](tickcast_core::wire::Wire)). Here is what the protocol wants around it.
//!
//! The files in reading order:
//!
//! | file | job |
//! |---|---|
//! | `packet`, `request`, `talk`, `payload` | pure: packets of clients, their events as requests, what follows from a packet, answers to polls |
//! | `exchange`, `switch`, `sessions` | between the polls of a client and its session |
//! | `connect`, `upgrade` | how a client becomes a connection of the shard, and its polls a WebSocket |
//! | `session` | a client from its first packet to its end |
//! | `routes` | `/socket.io/`: which request gets which answer |

mod packet;
mod payload;
mod request;
mod talk;

mod exchange;
mod sessions;
mod switch;

mod connect;
mod routes;
mod session;
mod upgrade;

pub use request::request;
pub(crate) use sessions::Sessions;
pub(super) use switch::Switch;
pub use talk::{Auth, Step, Talk};
