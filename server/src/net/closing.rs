//! The end of a client's TCP connection. The client has to read the server's last bytes, such as a
//! close frame or an HTTP answer, before the connection is gone.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    task::yield_now,
    time::timeout,
};

use super::outlet::Stream;

/// Time to read on after the server's last byte. A client that gets the end of the stream ends its
/// side at once, so only a client that is silent or keeps sending costs this time.
const LINGER: Duration = Duration::from_secs(1);

/// Maximum number of bytes that are read on from a WebSocket: the longest message may be on its
/// way.
const DISCARD_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Bytes that are read at once, on the stack.
const READ_BYTES: usize = 4096;

/// Maximum number of bytes that are read before other tasks have their turn.
const TURN_BYTES: usize = 256 * 1024;

/// Ends the server's side at once (FIN). Then reads and drops what comes until the client has ended
/// its side too. If the socket were closed with unread bytes, the kernel would reset the
/// connection, and the client could lose what it has not read (RFC 6455, section 7.1.1; RFC 2525,
/// section 2.17).
pub(super) async fn linger(stream: Stream) {
    stream.end_writing();
    read_on(stream, DISCARD_MAX_BYTES).await;
}

/// Reads and drops what comes after the server's last byte, until the end of the stream or a limit.
pub(super) async fn read_on(stream: impl AsyncRead + Unpin, max_bytes: usize) {
    // The connection ends in any case.
    let _ = timeout(LINGER, discard(stream, max_bytes)).await;
}

async fn discard(mut stream: impl AsyncRead + Unpin, max_bytes: usize) {
    let (mut discarded, mut turn) = (0, 0);
    while discarded < max_bytes {
        match poll_fn(|cx| poll_discard(&mut stream, cx)).await {
            Ok(0) | Err(_) => return,
            Ok(bytes) => (discarded, turn) = (discarded + bytes, turn + bytes),
        }
        if turn >= TURN_BYTES {
            turn = 0;
            yield_now().await;
        }
    }
}

fn poll_discard(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut bytes = [0; READ_BYTES];
    let mut buffer = ReadBuf::new(&mut bytes);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}
