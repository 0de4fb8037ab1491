//! Connections from start to end: greeting, close handshake, drain.

use std::time::Duration;

use bytes::Bytes;
use tickcast_protocol::{
    error::CloseCode,
    message::{Draining, ServerMessage, Welcome},
};

use super::{
    Event, Shard, connection::Connection, keys::ConnectionKey, request_budget::RequestBudget,
    socket::Socket,
};
use crate::{
    audit::Fact,
    identity::Standing,
    now::Now,
    permissions::Access,
    settings::CoreSettings,
    wire::{self, Wire},
};

impl<S: Socket> Shard<S> {
    /// Adds a new connection and greets it.
    pub fn connect(
        &mut self,
        socket: S,
        wire: impl Into<Wire>,
        access: Access,
        now: Now,
    ) -> ConnectionKey {
        self.connect_as(socket, wire, access, None, now)
    }

    /// Adds a new connection, whose client may have an identity, and greets it.
    pub fn connect_as(
        &mut self,
        socket: S,
        wire: impl Into<Wire>,
        access: Access,
        standing: Option<Standing>,
        now: Now,
    ) -> ConnectionKey {
        let CoreSettings {
            requests_per_s,
            request_burst,
            ..
        } = *self.settings;
        let requests = RequestBudget::new(requests_per_s, request_burst, now.uptime);
        let key = self.connections.insert(|generation| {
            Connection::new(
                socket,
                generation,
                wire.into(),
                access,
                requests,
                now.uptime,
            )
        });
        self.stats.connections.add(1);
        self.stats.connected.add(1);
        let welcome = Welcome {
            server: concat!("tickcast-server ", env!("CARGO_PKG_VERSION")).to_owned(),
            epoch: self.lineage.epoch,
            position: self.tape.head(),
            server_time_ns: now.wall_ns,
            heartbeat_ms: self.settings.heartbeat.as_millis() as u32,
            limits: self.settings.limits(),
            continues: self.lineage.continues.clone(),
        };
        self.answer(key, &ServerMessage::Welcome(welcome));
        if let Some(standing) = standing {
            self.connections[key.slot].standing = Some(Box::new(standing));
            self.apply_identity(key, None, now);
        }
        if let Some(ends) = self.drain_ends {
            self.announce_drain(key);
            self.connections[key.slot].times.close_due = Some(ends);
        }
        self.flush_answers(now);
        key
    }

    /// Removes a connection and its subscriptions.
    pub fn disconnect(&mut self, key: ConnectionKey) {
        if self.connections.get(key).is_none() {
            return;
        }
        self.give_up_request(key);
        self.end_subscriptions(key);
        self.connections.remove(key);
        self.stats.connections.subtract(1);
    }

    /// Records that a connection has sent something. Returns whether it is closing: then only the
    /// client's close frame matters.
    pub fn heard(&mut self, key: ConnectionKey, now: Now) -> bool {
        let Some(connection) = self.connections.get(key) else {
            return true;
        };
        connection.times.received = now.uptime;
        connection.times.ping_sent = None;
        connection.times.closing_since.is_some()
    }

    /// Sends a pong.
    pub fn pong(&mut self, key: ConnectionKey, payload: &[u8], now: Now) {
        self.send_control(key, wire::pong(payload));
        self.flush_answers(now);
    }

    /// Whether frames wait for a client's socket.
    pub fn has_unsent_frames(&mut self, key: ConnectionKey) -> bool {
        let connection = self.connections.get(key);
        connection.is_some_and(|connection| connection.output.has_unsent())
    }

    /// Whether a client does not read: frames wait for its socket, or it was closed because of
    /// that.
    pub fn is_unread(&mut self, key: ConnectionKey) -> bool {
        let connection = self.connections.get(key);
        connection.is_some_and(|connection| {
            connection.output.has_unsent() || connection.times.was_closed_unread
        })
    }

    /// Begins the close handshake from the server's side, or answers the client's. Nothing is sent
    /// after the frame (RFC 6455, section 5.5.1).
    pub fn close(&mut self, key: ConnectionKey, frame: Bytes, code: Option<u16>, now: Now) {
        let Some(connection) = self.connections.get(key) else {
            return;
        };
        if connection.times.closing_since.is_some() {
            return;
        }
        let wire = connection.wire;
        self.give_up_request(key);
        self.end_subscriptions(key);
        self.stats.closed(code);
        self.note(key, Fact::Closed { code });
        match wire {
            Wire::Frames(_) | Wire::SocketIo => self.send(key, frame),
            // An event stream has no handshake: it ends at once.
            Wire::Events => self.events.push(Event::Broken(key)),
        }
        if let Some(connection) = self.connections.get(key) {
            connection.times.closing_since = Some(now.uptime);
        }
        self.flush_answers(now);
    }

    /// Closes a connection whose client has read nothing for the write timeout. Frames that have
    /// not begun are dropped, so that the kernel has to take no more than the rest of one frame and
    /// the close frame. The client finds both when it reads again.
    pub(super) fn close_unread(&mut self, key: ConnectionKey, now: Now) {
        if let Some(connection) = self.connections.get(key) {
            connection.output.drop_frames_to_come();
            connection.times.was_closed_unread = true;
        }
        let code = CloseCode::WriteTimeout;
        self.close_with(key, code, code.text(), now);
    }

    /// Begins the close handshake with a registered code.
    pub fn close_with(&mut self, key: ConnectionKey, code: CloseCode, reason: &str, now: Now) {
        let frame = wire::close_with(code, reason);
        self.close(key, frame, Some(code.number()), now);
    }

    /// Records that a connection ended without a close frame.
    pub fn lost(&mut self, key: ConnectionKey) {
        let is_closing = |connection: &mut Connection<S>| connection.times.closing_since.is_some();
        if !self.connections.get(key).is_none_or(is_closing) {
            self.stats.closed(None);
            self.note(key, Fact::Closed { code: None });
        }
    }

    /// Tells all clients to reconnect within a window, and spreads their closing over that time.
    pub fn drain(&mut self, window: Duration, now: Now) {
        self.drain_ends = Some(now.uptime + window);
        // The last values are sent before a client is closed.
        for channel in self.channels.scheduled() {
            self.rounds.set_due(channel, now.uptime);
        }
        let total = self.connections.len().max(1) as u32;
        let keys = self.connections.keys_of_part(0, 1);
        for (nth, key) in (1..).zip(keys) {
            self.announce_drain(key);
            self.connections[key.slot].times.close_due = Some(now.uptime + window * nth / total);
        }
        self.flush_answers(now);
    }

    fn announce_drain(&mut self, key: ConnectionKey) {
        let reconnect_within_ms = self.settings.drain.as_millis() as u32;
        self.answer(
            key,
            &ServerMessage::Draining(Draining {
                reconnect_within_ms,
            }),
        );
    }
}
