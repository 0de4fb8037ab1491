//! A WebSocket client in two layers.
//!
//! [`Connection`] is one WebSocket connection: messages in, messages out, nothing remembered but
//! the names of topics. [`Client`] keeps a set of subscriptions alive on top of it: it reconnects,
//! resumes where its caller stopped, and proves that nothing was lost on the way.
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
//!         Event::Gap { filter, lost, .. } => eprintln!("{filter}: {lost:?} updates are lost"),
//!         Event::Disconnected(end) if end.retry_in.is_none() => return Err(end.why.into()),
//!         _ => {}
//!     }
//! }
//! # }
//! ```
//!
//! What can be decided without a socket, a clock or chance (the session, chains, back-off, the
//! server's clock, names of topics) lives in files that have none of them.

mod chain;
mod topics;

mod backoff;
mod clock;

mod event;
mod handle;
mod session;

mod connection;
mod handshake;

mod open;
mod reconnecting;

pub use backoff::{BACKOFF_BASE, BACKOFF_FORGIVEN_AFTER, BACKOFF_MAX, Backoff};
pub use chain::{Chain, ChainError};
pub use clock::{CLOCK_SAMPLES, ClockEstimate, ClockFilter};
pub use connection::{CloseReason, Connection, ConnectionError, OUTGOING_MAX_BYTES};
pub use event::{ClientBatch, Disconnected, Event, NoAnswer, Unpublished, Why};
pub use handle::{COMMANDS_MAX, ClientHandle, HandleError};
pub use handshake::{CONNECT_TIMEOUT, ConnectError, ConnectOptions};
pub use reconnecting::{Client, ClientOptions};
pub use session::PUBLISHES_IN_FLIGHT_MAX;
pub use topics::{TOPIC_TABLE_MAX, TopicTable, TopicTableError};
