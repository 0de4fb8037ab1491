//! A shard's connections from their beginning to their end: greeting, heartbeats, pings, timeouts,
//! close handshakes, drain.

use std::{cmp::Reverse, sync::Arc, time::Duration};

use bytes::Bytes;
use tickcast_protocol::{
    error::CloseCode,
    message::{ChannelPosition, Draining, Heartbeat, ServerMessage, Welcome},
};

use crate::{
    channel::ChannelKey,
    clock::Now,
    connection::{Connection, ConnectionKey, Socket, TokenBucket, UNREAD_ANSWERS_MAX_BYTES},
    frame::{self, Wire},
    shard::{Event, Shard},
};

/// How long a client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

impl<S: Socket> Shard<S> {
    /// Takes a new connection in and greets it.
    pub fn connect(
        &mut self,
        socket: S,
        wire: impl Into<Wire>,
        may_publish: bool,
        now: Now,
    ) -> ConnectionKey {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let settings = &self.settings;
        let requests =
            TokenBucket::new(settings.requests_per_s, settings.request_burst, now.uptime);
        let connection = Connection::new(
            socket,
            generation,
            wire.into(),
            may_publish,
            requests,
            now.uptime,
        );
        let index = self.connections.insert(connection) as u32;
        let key = ConnectionKey { index, generation };
        self.stats.connections.set(self.connections.len() as u64);
        self.stats.connected.add(1);
        let welcome = Welcome {
            server: concat!("tickcast-server ", env!("CARGO_PKG_VERSION")).to_owned(),
            epoch: self.epoch,
            position: self.tape.head(),
            server_time_ns: now.wall_ns,
            heartbeat_ms: self.settings.heartbeat.as_millis() as u32,
            limits: self.settings.limits(),
        };
        self.answer(key, &ServerMessage::Welcome(welcome));
        if let Some(ends) = self.drain_ends {
            self.announce_drain(key);
            self.connections[key.index as usize].close_due = Some(ends);
        }
        self.flush_answers(now);
        key
    }

    /// Forgets a connection and its subscriptions.
    pub fn disconnect(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connection_mut(key) else {
            return;
        };
        for subscription in std::mem::take(&mut connection.subscriptions) {
            self.end_subscription(subscription);
        }
        self.connections.remove(key.index as usize);
        self.stats.connections.set(self.connections.len() as u64);
    }

    /// Notes that something was received from a connection.
    pub fn heard(&mut self, key: ConnectionKey, now: Now) {
        if let Some(connection) = self.connection_mut(key) {
            connection.last_received = now.uptime;
            connection.ping_sent = None;
        }
    }

    /// Sends a pong.
    pub fn pong(&mut self, key: ConnectionKey, payload: &[u8], now: Now) {
        self.send(key, frame::pong(payload));
        self.flush_answers(now);
    }

    /// Whether a client does not read its answers, so that it should not be read either.
    pub fn is_clogged(&mut self, key: ConnectionKey) -> bool {
        self.connection_mut(key).is_some_and(|connection| {
            connection.is_blocked() && connection.unsent_bytes() > UNREAD_ANSWERS_MAX_BYTES
        })
    }

    /// Begins the close handshake from our side, or answers the client's.
    pub fn close(&mut self, key: ConnectionKey, frame: Bytes, code: Option<u16>, now: Now) {
        let Some(connection) = self.connection_mut(key) else {
            return;
        };
        if connection.closing_since.is_some() {
            return;
        }
        connection.closing_since = Some(now.uptime);
        let wire = connection.wire;
        for subscription in std::mem::take(&mut connection.subscriptions) {
            self.end_subscription(subscription);
        }
        self.stats.closed(code);
        match wire {
            Wire::Frames(_) => self.send(key, frame),
            // An event stream has no handshake: it just ends.
            Wire::Events => self.events.push(Event::Broken(key)),
        }
        self.flush_answers(now);
    }

    /// Begins the close handshake with a code of the registry.
    pub fn close_with(&mut self, key: ConnectionKey, code: CloseCode, reason: &str, now: Now) {
        let frame = frame::close_with(code, reason);
        self.close(key, frame, Some(code.number()), now);
    }

    /// Notes that a connection ended without a close frame.
    pub fn lost(&mut self, key: ConnectionKey) {
        let is_closing = |connection: &mut Connection<S>| connection.closing_since.is_some();
        if !self.connection_mut(key).is_none_or(is_closing) {
            self.stats.closed(None);
        }
    }

    /// What time demands: heartbeats, pings, and the end of connections that are silent, do not
    /// read, or whose time to be drained has come. To be called about once a second, more often
    /// while draining.
    pub fn tick(&mut self, now: Now) {
        self.tick_part(0, 1, now);
    }

    /// [`tick`](Self::tick) for one of several parts of the connections. Those who came together are
    /// due for their heartbeats and pings together, which would hold up the updates.
    pub fn tick_part(&mut self, part: usize, parts: usize, now: Now) {
        for index in (part..self.connections.capacity()).step_by(parts) {
            if self.connections.contains(index) {
                self.tick_connection(index as u32, now);
            }
        }
        self.flush_answers(now);
        if part == 0 {
            self.count_behind();
        }
    }

    fn count_behind(&self) {
        let (mut behind, mut lag) = (0, 0);
        for (_, connection) in &self.connections {
            if connection.is_blocked() {
                behind += 1;
                let slowest = self.slowest_subscription(connection);
                lag = lag.max(slowest.map_or(0, |(lag, _)| lag));
            }
        }
        self.stats.behind.set(behind);
        self.stats.lag_updates.set(lag);
    }

    fn tick_connection(&mut self, index: u32, now: Now) {
        let settings = Arc::clone(&self.settings);
        let connection = &mut self.connections[index as usize];
        let generation = connection.generation;
        let key = ConnectionKey { index, generation };
        let since = |then: Duration| now.uptime.saturating_sub(then);
        // Whoever has something to come keeps the connection until the drain's window ends: what
        // is on the tape is gone with the process.
        let is_done = connection.behind.is_empty() && !connection.is_blocked()
            || self.drain_ends.is_some_and(|ends| ends <= now.uptime);
        if connection
            .closing_since
            .is_some_and(|then| since(then) > CLOSE_TIMEOUT)
        {
            self.events.push(Event::Broken(key));
        } else if connection.closing_since.is_some() {
        } else if connection
            .blocked_since
            .is_some_and(|then| since(then) > settings.write_timeout)
        {
            // A close frame would not get through either.
            self.stats.closed(Some(CloseCode::WriteTimeout.number()));
            self.events.push(Event::Broken(key));
        } else if connection
            .ping_sent
            .is_some_and(|then| since(then) > settings.pong_timeout)
        {
            let code = CloseCode::PongTimeout;
            self.close_with(key, code, code.text(), now);
        } else if connection.close_due.is_some_and(|due| due <= now.uptime) && is_done {
            let code = CloseCode::ServiceRestart;
            self.close_with(key, code, code.text(), now);
        } else if !connection.is_blocked() {
            let is_silent = since(connection.last_received) > settings.ping;
            // Who reads an event stream has no way to say anything.
            if is_silent && connection.ping_sent.is_none() && connection.wire != Wire::Events {
                connection.ping_sent = Some(now.uptime);
                self.send(key, frame::ping());
            }
            if since(self.connections[index as usize].last_sent) >= settings.heartbeat {
                self.send_heartbeat(key, now);
            }
        }
    }

    fn send_heartbeat(&mut self, key: ConnectionKey, now: Now) {
        let connection = &self.connections[key.index as usize];
        let channels = connection.subscriptions.iter().map(|&subscription| {
            let subscription = &self.subscriptions[subscription as usize];
            let channel = &self.channels[subscription.channel as usize];
            ChannelPosition {
                channel: channel.key,
                position: subscription.position(channel),
            }
        });
        let heartbeat = Heartbeat {
            server_time_ns: now.wall_ns,
            position: self.tape.head(),
            channels: channels.collect(),
        };
        self.answer(key, &ServerMessage::Heartbeat(heartbeat));
    }

    /// Tells all clients to reconnect within the time in which they will be closed, each at a time
    /// of its own.
    pub fn drain(&mut self, window: Duration, now: Now) {
        self.drain_ends = Some(now.uptime + window);
        // The last values go out before anybody is closed.
        let paced = self
            .channels
            .iter()
            .filter(|(_, channel)| channel.is_scheduled);
        let due = paced.map(|(key, _)| Reverse((now.uptime, key as ChannelKey)));
        self.due.extend(due);
        let total = self.connections.len().max(1) as u32;
        let keys: Vec<ConnectionKey> = self.keys();
        for (nth, key) in (1..).zip(keys) {
            self.announce_drain(key);
            self.connections[key.index as usize].close_due =
                Some(now.uptime + window * nth / total);
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

    fn keys(&self) -> Vec<ConnectionKey> {
        let key = |(index, connection): (usize, &Connection<S>)| ConnectionKey {
            index: index as u32,
            generation: connection.generation,
        };
        self.connections.iter().map(key).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        io::{self, IoSlice},
        rc::Rc,
    };

    use tickcast_protocol::{codec::Encoding, message::Epoch};

    use super::*;
    use crate::{metrics::ShardStats, settings::ServerSettings};

    /// A socket that takes everything and counts how often it was written to.
    #[derive(Clone, Default)]
    struct Counting(Rc<Cell<usize>>);

    impl Socket for Counting {
        fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            self.0.set(self.0.get() + 1);
            Ok(slices.iter().map(|slice| slice.len()).sum())
        }
    }

    #[test]
    fn heartbeats_go_out_in_parts_and_each_connection_gets_one() {
        const PARTS: usize = 4;
        let at = |uptime| Now { uptime, wall_ns: 0 };
        let settings = Arc::new(ServerSettings::default());
        let stats = Arc::<ShardStats>::default();
        let mut shard = Shard::new(0, Epoch(7), Arc::clone(&settings), stats);
        let sockets: Vec<Counting> = (0..10).map(|_| Counting::default()).collect();
        for socket in &sockets {
            shard.connect(socket.clone(), Encoding::Json, true, at(Duration::ZERO));
        }
        let writes = || {
            sockets
                .iter()
                .map(|socket| socket.0.get())
                .collect::<Vec<_>>()
        };
        let greeted = writes();
        let mut sent = 0;
        for part in 0..PARTS {
            shard.tick_part(part, PARTS, at(settings.heartbeat));
            let now: usize = writes()
                .iter()
                .zip(&greeted)
                .map(|(now, then)| now - then)
                .sum();
            assert!(
                (2..=3).contains(&(now - sent)),
                "part {part}: {sent} to {now}"
            );
            sent = now;
        }
        assert!(
            writes()
                .iter()
                .zip(&greeted)
                .all(|(now, then)| *now == then + 1)
        );
        shard.tick(at(settings.heartbeat));
        assert_eq!(
            writes().iter().sum::<usize>(),
            greeted.iter().sum::<usize>() + 10
        );
    }
}
