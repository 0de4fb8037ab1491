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

use super::stream::Stream;

/// Time to read on after the server's last byte. A client that gets the end of the stream ends its
/// side at once, so only a client that is silent or keeps sending costs this time.
const LINGER: Duration = Duration::from_secs(1);

/// Maximum number of bytes that are read on from a WebSocket: the longest message may be on its
/// way.
const DISCARD_MAX_BYTES: usize = 16 << 20;

/// Bytes that are read at once, on the stack.
const READ_BYTES: usize = 4096;

/// Maximum number of bytes that are read before other tasks have their turn.
const TURN_BYTES: usize = 256 << 10;

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

/// Reads and drops what comes, until the end of the stream or a limit.
pub(super) async fn discard(mut stream: impl AsyncRead + Unpin, max_bytes: usize) {
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

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        io::{Read, Write},
        net::{Shutdown, TcpStream as Client},
        pin::pin,
        task::Waker,
        thread,
        time::Instant,
    };

    use tokio::net::TcpListener;

    use super::*;
    use crate::net::echo::ECHO_MAX_BYTES;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(future)
    }

    /// A client that sends without end, and counts what is read from it.
    #[derive(Default)]
    struct Endless {
        read: usize,
    }

    impl AsyncRead for Endless {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.read += buffer.remaining();
            buffer.initialize_unfilled();
            buffer.advance(buffer.remaining());
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn of_a_client_that_sends_without_end_no_more_is_read_than_the_limit() {
        for (limit, expected) in [(0, 0), (1, 4096), (8192, 8192), (8193, 12_288)] {
            let mut client = Endless::default();
            block_on(read_on(&mut client, limit));
            assert_eq!(client.read, expected, "{limit}");
        }
    }

    #[test]
    fn other_tasks_have_their_turn_after_each_256_kib_of_what_is_dropped() {
        let (mut client, turn) = (Endless::default(), 262_144);
        let read = {
            let mut discarding = pin!(discard(&mut client, 3 * turn));
            let mut cx = Context::from_waker(Waker::noop());
            let polls = std::iter::repeat_with(|| discarding.as_mut().poll(&mut cx));
            polls.take_while(Poll::is_pending).count()
        };
        assert_eq!((read, client.read), (3, 3 * turn));
    }

    #[test]
    fn a_silent_client_is_waited_for_during_a_second() {
        let (silent, _open) = tokio::io::duplex(1);
        let start = Instant::now();
        block_on(read_on(silent, DISCARD_MAX_BYTES));
        assert!(start.elapsed() >= LINGER);
    }

    #[test]
    fn a_client_gets_the_end_of_the_stream_although_its_longest_message_is_on_its_way() {
        block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let client = move || {
                let mut client = Client::connect(address).unwrap();
                let mut read = Vec::new();
                client.read_to_end(&mut read).unwrap();
                client.write_all(&vec![7; ECHO_MAX_BYTES - 1]).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
                // With bytes that were not read, the connection would be reset.
                client.read_to_end(&mut read)
            };
            let client = thread::Builder::new().spawn(client).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            linger(Stream::new(stream)).await;
            assert!(matches!(client.join().unwrap(), Ok(0)));
        });
    }
}
