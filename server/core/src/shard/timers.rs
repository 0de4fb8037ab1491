//! Timers: heartbeats, pings and timeouts.

use std::{sync::Arc, time::Duration};

use tickcast_protocol::{
    error::CloseCode,
    message::{ChannelPosition, Heartbeat, ServerMessage},
};

use super::{Event, Shard, connection::Connection, keys::ConnectionKey, socket::Socket};
use crate::{
    now::Now,
    wire::{self, Wire},
};

/// Maximum time for a client to answer a close frame.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

impl<S: Socket> Shard<S> {
    /// Sends heartbeats and pings that are due. Ends connections that are silent, that do not read,
    /// or whose time in a drain has come. Call it every
    /// [`CoreSettings::tick`](crate::settings::CoreSettings::tick), and more often during a drain.
    pub fn tick(&mut self, now: Now) {
        self.tick_part(0, 1, now);
    }

    /// Runs [`tick`](Self::tick) for one of several parts of the connections. Connections that
    /// began together have their heartbeats and pings due together, and all of them at once would
    /// delay the updates.
    pub fn tick_part(&mut self, part: usize, parts: usize, now: Now) {
        for key in self.connections.keys_of_part(part, parts) {
            self.tick_connection(key, now);
        }
        self.flush_answers(now);
        if part == 0 {
            self.count_behind();
            self.tick_log(now);
        }
    }

    fn count_behind(&self) {
        let (mut behind, mut lag) = (0, 0);
        for (_, connection) in self.connections.iter() {
            if connection.output.is_blocked() {
                behind += 1;
                let slowest = self.slowest_subscription(connection);
                lag = lag.max(slowest.map_or(0, |(lag, _)| lag));
            }
        }
        self.stats.behind.set(behind);
        self.stats.lag_updates.set(lag);
    }

    fn tick_connection(&mut self, key: ConnectionKey, now: Now) {
        if self.connections[key.slot].standing.is_some() {
            self.tick_identity(key, now);
        }
        let settings = Arc::clone(&self.settings);
        let Connection {
            wire,
            ref output,
            ref catching_up,
            ref under_way,
            ref mut times,
            ..
        } = self.connections[key.slot];
        if under_way.is_some() {
            // The server does not read the client meanwhile, so it cannot know its answer.
            times.received = now.uptime;
            times.ping_sent = None;
        }
        let is_past = |then: Option<Duration>, timeout| {
            then.is_some_and(|then| now.uptime.saturating_sub(then) > timeout)
        };
        // A client with updates still to receive keeps its connection until the end of the drain's
        // window, because the tape ends with the process.
        let is_done = catching_up.is_done() && !output.is_blocked()
            || self.drain_ends.is_some_and(|ends| ends <= now.uptime);
        if times.closing_since.is_some() {
            if is_past(times.closing_since, CLOSE_TIMEOUT) {
                self.events.push(Event::Broken(key));
            }
        } else if is_past(output.blocked_since, settings.write_timeout) {
            self.close_unread(key, now);
        } else if is_past(times.ping_sent, settings.pong_timeout) {
            let code = CloseCode::PongTimeout;
            self.close_with(key, code, code.text(), now);
        } else if times.close_due.is_some_and(|due| due <= now.uptime) && is_done {
            let code = CloseCode::ServiceRestart;
            self.close_with(key, code, code.text(), now);
        } else if !output.is_blocked() {
            // The next call may come two ticks later, which would be too late.
            let next = now.uptime + 2 * settings.tick();
            let is_heartbeat_due = next.saturating_sub(output.sent) >= settings.heartbeat;
            // The client of an event stream cannot answer.
            if is_past(Some(times.received), settings.ping)
                && times.ping_sent.is_none()
                && wire != Wire::Events
            {
                times.ping_sent = Some(now.uptime);
                self.send_control(key, wire::ping());
            }
            if is_heartbeat_due {
                self.send_heartbeat(key, now);
            }
        }
    }

    fn send_heartbeat(&mut self, key: ConnectionKey, now: Now) {
        let connection = &self.connections[key.slot];
        let channels = connection.subscriptions.iter().map(|&subscription| {
            let subscription = &self.subscriptions[subscription];
            let channel = &self.channels[subscription.channel];
            ChannelPosition {
                channel: channel.key.id(),
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
    use crate::{permissions::Access, settings::CoreSettings, stats::ShardStats};

    /// A socket that accepts everything and counts its writes.
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
        let settings = Arc::new(CoreSettings::default());
        let stats = Arc::<ShardStats>::default();
        let mut shard = Shard::new(0, Epoch(7), Arc::clone(&settings), stats);
        let sockets: Vec<Counting> = (0..10).map(|_| Counting::default()).collect();
        for socket in &sockets {
            let access = Access { may_publish: true };
            shard.connect(socket.clone(), Encoding::Json, access, at(Duration::ZERO));
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
