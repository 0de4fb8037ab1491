//! Sends to many sockets with one system call, using Linux's io_uring (`io_uring_enter(2)`).
//!
//! A `send(2)` to a client on the same machine takes 4 to 5 µs. At least half a microsecond of that
//! is the switch into the kernel and back. A [`Ring`] makes this switch once for up to
//! [`SENDS_MAX`] sockets.
//!
//! All sends are finished when [`Sends::submit`] returns. With `MSG_DONTWAIT` the kernel tries each
//! send once, on the caller's thread, and reports the number of bytes that the socket accepted. So
//! the bytes must live only for the call, and nothing runs in the background.
//!
//! [`tcp_path`] asks for some of the numbers of `TCP_INFO`, which no safe crate offers.
//!
//! The files in reading order: `list` is what the kernel is given to read, `linux` the ring,
//! `tcp_info` the question, and `elsewhere` replaces all of them on systems without io_uring. The
//! crate knows nothing of Tickcast.
//!
//! This crate has the only unsafe code of the workspace, behind a safe interface.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod list;
mod tcp_info;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Ring, Sends, tcp_path};
#[cfg(target_os = "linux")]
pub use linux::{Ring, Sends};
pub use tcp_info::TcpPath;
#[cfg(target_os = "linux")]
pub use tcp_info::tcp_path;

/// Maximum number of sends per system call. A longer list is divided into several calls. 16 sends
/// save most of the cost, and 64 save as much as can be measured.
pub const SENDS_MAX: usize = 64;
