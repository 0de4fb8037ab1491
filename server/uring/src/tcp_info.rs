//! What Linux knows about a TCP connection (`TCP_INFO`, tcp(7)).

use std::{
    io,
    mem::{self, offset_of},
    os::fd::{AsRawFd, BorrowedFd},
    time::Duration,
};

/// What the kernel knows about the way to a TCP connection's peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpPath {
    /// The shortest round trip in the last minutes.
    pub shortest_round_trip: Duration,
    /// The round trip now, smoothed.
    pub round_trip: Duration,
    /// Bytes that the peer has acknowledged so far.
    pub acknowledged_bytes: u64,
}

/// What the kernel knows about the way to a TCP connection's peer.
///
/// # Errors
///
/// The socket is no TCP connection, or the kernel does not know (before 4.9, or no round trip yet).
pub fn tcp_path(socket: BorrowedFd<'_>) -> io::Result<TcpPath> {
    // SAFETY: the type consists of numbers, for which all zeros are valid.
    let mut info: libc::tcp_info = unsafe { mem::zeroed() };
    let mut len = mem::size_of_val(&info) as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as it is borrowed. The kernel writes at most `len`
    // bytes to `info`, which has as many, and the number it has written to `len`. It keeps neither
    // pointer.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut len,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // It is the last of these fields.
    let end = offset_of!(libc::tcp_info, tcpi_min_rtt) + size_of::<u32>();
    // The kernel has all bits set while it does not know.
    if (len as usize) < end || info.tcpi_min_rtt == u32::MAX {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(TcpPath {
        shortest_round_trip: Duration::from_micros(info.tcpi_min_rtt.into()),
        round_trip: Duration::from_micros(info.tcpi_rtt.into()),
        acknowledged_bytes: info.tcpi_bytes_acked,
    })
}
