//! Sends to many sockets in one system call, with Linux' io_uring (`io_uring_enter(2)`).
//!
//! A `send(2)` to a client on the same machine takes 4 to 5 µs. Half a microsecond or more of that is
//! the way into the kernel and back. A [`Ring`] makes this way once for up to [`SENDS_MAX`] sockets.
//!
//! All sends are finished when [`Sends::submit`] returns: with `MSG_DONTWAIT` the kernel tries each
//! send once, on the caller's thread, and reports how many bytes the socket took. So the bytes must
//! live for the call only, and nothing runs in the background.
//!
//! This is the only unsafe code of the workspace, behind a safe interface.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Ring, Sends};
#[cfg(target_os = "linux")]
pub use linux::{Ring, Sends};

/// Sends in one system call, at most; more are divided into several calls. 16 save most of the
/// cost, and 64 save as much as can be measured.
pub const SENDS_MAX: usize = 64;
