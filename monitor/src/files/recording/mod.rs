//! Recordings: received updates are written to a file, which is played on the same screen. The
//! format is [`tickcast_protocol::recording`].

mod holds;
mod player;
#[cfg(test)]
mod tests;
mod writer;

pub use self::holds::RecordedScope;
pub(crate) use self::{player::RecordingPlayer, writer::RecordingWriter};
