//! Where the shard writes to for a client that has begun with polls: into the exchange, and from
//! its upgrade on into a WebSocket.

use std::{
    cell::OnceCell,
    io::{self, IoSlice},
    rc::Rc,
    sync::Arc,
};

use super::exchange::Exchange;
use crate::net::stream::Stream;

#[derive(Debug)]
struct Ways {
    exchange: Arc<Exchange>,
    stream: OnceCell<Stream>,
}

/// The switch; see the module.
#[derive(Debug, Clone)]
pub(in crate::net) struct Switch(Rc<Ways>);

impl Switch {
    pub(super) fn new(exchange: Arc<Exchange>) -> Self {
        Self(Rc::new(Ways {
            exchange,
            stream: OnceCell::new(),
        }))
    }

    /// The WebSocket, after the upgrade.
    pub(in crate::net) fn stream(&self) -> Option<&Stream> {
        self.0.stream.get()
    }

    /// Writes to the WebSocket from now on.
    pub(super) fn turn_to(&self, stream: Stream) {
        // There is one upgrade: the exchange gives its rest once.
        let _ = self.0.stream.set(stream);
        self.0.exchange.upgraded();
    }

    /// Writes to the exchange.
    pub(in crate::net) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.exchange.try_write(slices)
    }

    /// Waits until a write may have room.
    pub(in crate::net) async fn writable(&self) {
        self.0.exchange.writable().await;
    }

    /// Ends the session.
    pub(in crate::net) fn end(&self) {
        self.0.exchange.end();
    }
}
