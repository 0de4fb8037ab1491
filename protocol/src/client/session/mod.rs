//! What a [`Client`](super::Client) knows and decides, without socket, clock or random numbers.
//!
//! Input: [`Session::command`], [`Session::message`], [`Session::disconnected`]. Output:
//! [`Session::next_event`] and [`Session::next_request`]. The position of a subscription moves when
//! its event was taken *and* [`Session::handled`] was called. So the client asks again for what the
//! caller never saw.

mod wanted;

mod events;
mod pending_requests;

mod state;

mod once_publishes;

mod commands;

mod publishing_once;

mod answers;
mod messages;
mod stream;

pub use pending_requests::PUBLISHES_IN_FLIGHT_MAX;
pub(super) use state::{Session, SessionError};

#[cfg(test)]
mod tests;

#[cfg(test)]
mod once_tests;
