//! The connection to one server on a thread of its own, and the bounded queue between that thread
//! and the window. Only this room knows the client and its runtime.

mod candle_requests;
mod clock;
mod events;
mod queue;
mod requests;
mod thread;

pub use self::{
    clock::clock_ns, queue::IncomingQueue, requests::Requests, thread::ConnectionThread,
};
