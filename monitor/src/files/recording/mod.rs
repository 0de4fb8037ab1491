//! Recordings: received updates are written to a file, which is played on the same screen. The
//! format is [`tickcast_protocol::recording`]. The log of a server is played in the same way.

mod file_lines;
mod holds;
mod lines;
mod log_lines;
mod player;
#[cfg(test)]
mod tests;
mod writer;

pub use self::holds::RecordedScope;
pub(crate) use self::{player::RecordingPlayer, writer::RecordingWriter};
