//! Sends to many sockets in one system call, with Linux' io_uring (`io_uring_enter(2)`).
//!
//! A `send(2)` to a client on the same machine takes 4 to 5 µs, of which half a microsecond or more
//! is the way into the kernel and back. A [`Ring`] goes that way once for up to [`SENDS_MAX`] sockets.
//!
//! All sends are over when [`Sends::submit`] returns: with `MSG_DONTWAIT` the kernel tries each once,
//! on the caller's thread and time, and says how many bytes the socket took. So the bytes need to
//! live for the call only, and nothing is ever under way in the background.
//!
//! This is the only unsafe code of the workspace, behind an interface that is safe.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Ring, Sends};
#[cfg(target_os = "linux")]
pub use linux::{Ring, Sends};

/// Sends in one system call, at most; of more, so many go at a time. 16 save most of what there is
/// to save, and 64 all of it that can be measured.
pub const SENDS_MAX: usize = 64;
