//! Accepts connections.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use socket2::SockRef;
use tickcast_core::shard::UNSENT_START_BYTES;
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{
    arrival::{Admission, ListenerInfo},
    descriptors::{CALM, Descriptors},
    peer::Peer,
    permits::{Permit, Permits},
};
use crate::settings::ServerSettings;

/// An HTTP answer is cut off if the client reads no byte of it for this many write timeouts. This
/// is late enough for the shard to be the first to close an event stream and count it.
pub(super) const UNREAD_TIMEOUTS: u32 = 2;

/// Longest pause after an error of accept(2) that would recur at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An accept loop.
#[derive(Debug)]
pub(super) struct Accept {
    pub(super) listener: TcpListener,
    /// What is special about the listener.
    pub(super) info: Arc<ListenerInfo>,
    pub(super) settings: Arc<ServerSettings>,
    pub(super) permits: Arc<Permits>,
    pub(super) descriptors: Arc<Descriptors>,
}

impl Accept {
    /// Accepts connections without end, and hands each to `serve`.
    pub(super) async fn run(&self, serve: impl Fn(TcpStream, Peer, Admission)) {
        loop {
            let (stream, peer) = accept(&self.listener, &self.descriptors).await;
            let peer = Peer::tcp(peer);
            let admission = if self.descriptors.is_reserved(&stream) {
                let Some(refusal) = self.descriptors.refuse() else {
                    continue;
                };
                Admission::Short(refusal)
            } else {
                admit(peer, &self.settings, &self.permits)
            };
            serve(stream, peer, admission);
        }
    }
}

/// Whether there is room for a connection of this client. A proxy's connections are not counted:
/// its requests are, each with the address of its client.
pub(super) fn admit(peer: Peer, settings: &ServerSettings, permits: &Arc<Permits>) -> Admission {
    if peer.is_trusted(&settings.trusted_proxies) {
        return Admission::Granted(Permit::uncounted());
    }
    let permit = permits.take(peer);
    permit.map_or(Admission::TooMany, Admission::Granted)
}

/// Accepts a connection, however long it takes. Errors are counted, and logged once.
pub(super) async fn accept(
    listener: &TcpListener,
    descriptors: &Descriptors,
) -> (TcpStream, SocketAddr) {
    accept_with(|| listener.accept(), descriptors).await
}

/// Accepts a connection in the same way. `attempt` waits for the next one.
pub(super) async fn accept_with<T>(
    attempt: impl AsyncFn() -> io::Result<T>,
    descriptors: &Descriptors,
) -> T {
    loop {
        let accepted = match descriptors.is_short() {
            true => timeout(CALM, attempt()).await.ok(),
            false => Some(attempt().await),
        };
        descriptors.calm();
        match accepted {
            Some(Ok(accepted)) => return accepted,
            // The client has gone before it was accepted (accept(2), ERRORS).
            Some(Err(error)) if error.kind() == ErrorKind::ConnectionAborted => {}
            Some(Err(error)) => {
                descriptors.failed(&error);
                descriptors.make_room(ACCEPT_PAUSE).await;
            }
            None => {}
        }
    }
}

/// Sets the options that every client's socket needs.
pub(super) fn set_options(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    // A round is a single write: waiting for more data would only add delay.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    // Otherwise an answer that the client does not read would be held without limit (RFC 5482).
    socket.set_tcp_user_timeout(Some(write_timeout.saturating_mul(UNREAD_TIMEOUTS)))?;
    // The shard changes it when it knows what the client's link takes.
    socket.set_tcp_notsent_lowat(UNSENT_START_BYTES)
}
