//! Connections that the program itself makes. Each thread has a network of its own, as each test
//! has a thread.

use std::{
    cell::RefCell,
    io::{self, ErrorKind},
};

use tokio::sync::mpsc;

use super::socket::Socket;

type Connect = Box<dyn FnMut() -> io::Result<(Socket, Socket)>>;

thread_local! {
    static LISTENER: RefCell<Option<(Connect, mpsc::Sender<Socket>)>> = RefCell::default();
}

/// Connections that wait to be accepted, at most.
const BACKLOG: usize = 16;

/// Makes all connections of this thread simulated ones, until the returned listener is dropped.
/// `connect` makes each: first the program's end, then the listener's.
pub(crate) fn listen(
    connect: impl FnMut() -> io::Result<(Socket, Socket)> + 'static,
) -> mpsc::Receiver<Socket> {
    let (sender, listener) = mpsc::channel(BACKLOG);
    LISTENER.set(Some((Box::new(connect), sender)));
    listener
}

/// Connects. `None` if this thread has no simulated network.
pub(crate) fn dial() -> Option<io::Result<Socket>> {
    LISTENER.with_borrow_mut(|listener| {
        let (connect, accepting) = listener.as_mut().filter(|(_, to)| !to.is_closed())?;
        Some(connect().and_then(|(socket, other)| {
            let refused = |_| io::Error::from(ErrorKind::ConnectionRefused);
            accepting.try_send(other).map_err(refused)?;
            Ok(socket)
        }))
    })
}
