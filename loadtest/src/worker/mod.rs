//! The load tester's receiver threads: many subscribers on one thread, with one event loop, one
//! read buffer and no task per connection.
//!
//! [`start`] starts the thread. [`WorkerCommand`]s go in, [`WorkerReply`]s come out.

mod context;
mod counts;
mod event_loop;
mod handle;
mod messages;
mod queries;
mod role;
mod session;
mod settings;
mod subscriber;

pub use counts::ConnectionCounts;
pub use event_loop::start;
pub use handle::{WorkerHandle, WorkerLost};
pub use messages::{Backlog, Newest, WorkerCommand, WorkerReply, WorkerReport};
pub use role::{Member, Role};
pub use session::ServerInfo;
pub use settings::{FilterPlan, WorkerSettings};
