//! What one subscriber of the load tester says and understands: messages in, facts out. Pure.

mod batch;
mod followed;
mod session_state;
mod shared;
mod types;

pub(crate) use session_state::SubscriberSession;
pub use shared::ServerInfo;
pub(crate) use shared::WorkerShared;
pub(crate) use types::{Arrival, ReceiverTiming, SessionEvent, SubscriberError};
