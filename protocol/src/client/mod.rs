//! A WebSocket client in two layers.
//!
//! [`Connection`] is one WebSocket connection: messages in, messages out. It remembers only the
//! names of topics. [`Client`] keeps a set of subscriptions alive on top of it: it reconnects,
//! resumes where its caller stopped, and proves that nothing was lost.
//!
//! ```no_run
//! use tickcast_protocol::{
//!     client::{Client, ClientOptions, ConnectOptions, Event},
//!     codec::Encoding,
//!     message::Mode,
//!     topic::Filter,
//! };
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let connect = ConnectOptions::new("ws://localhost:7400/ws", Encoding::Bincode);
//! let (mut client, handle) = Client::new(ClientOptions::new(connect));
//! handle.subscribe([Filter::new("market/#")?], Mode::Every, None)?;
//! loop {
//!     match client.next().await {
//!         Event::Batch(batch) => {
//!             for update in batch.updates {
//!                 println!("{} {:?}", update.topic, update.value);
//!             }
//!         }
//!         Event::Gap { filter, lost, .. } => eprintln!("{filter}: lost {lost:?} updates"),
//!         Event::Disconnected(end) if end.retry_in.is_none() => return Err(end.why.into()),
//!         _ => {}
//!     }
//! }
//! # }
//! ```
//!
//! The files that decide (session, chain, clock, topic table) have no socket, no clock and no
//! random numbers. They are tested in virtual time.

mod chain;
mod topic_table;

mod clock;

mod disconnected;
mod event;

mod command;
mod request_ids;
mod session;

mod connection;
mod handshake;
mod token_source;
mod tokens;

mod handle;
mod open_connection;
mod reconnecting;

pub use chain::{Chain, ChainError};
pub use clock::{CLOCK_SAMPLES, ClockEstimate, ClockFilter};
pub use connection::{CloseReason, Connection, ConnectionError};
pub use disconnected::{Disconnected, Why};
pub use event::{ClientBatch, Event, NoAnswer, Unpublished};
pub use handle::{COMMANDS_MAX, ClientHandle, HandleError};
pub use handshake::{CONNECT_TIMEOUT, ConnectOptions, ExtraHeader, HeaderError};
pub use reconnecting::{Client, ClientOptions, RECONNECT};
pub use session::PUBLISHES_IN_FLIGHT_MAX;
pub use token_source::TokenSource;
pub use topic_table::{TOPIC_TABLE_MAX, TopicTable, TopicTableError};

pub use crate::websocket::{ConnectError, OUTGOING_MAX_BYTES, UrlError};
