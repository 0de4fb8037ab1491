//! Beyond the tape: subscriptions whose next update the tape has dropped go on from the log on
//! disk, if there is one, up to the tape.
//!
//! The shard reads no log. It asks its caller, for a bounded number of parts at a time, and a
//! subscription waits for its part while all others go on.

use std::sync::Arc;

use tickcast_protocol::message::Position;

use super::{
    Event, Shard,
    behind::FromLog,
    connection::Connections,
    keys::ConnectionKey,
    log_windows::{LogPart, LogWindows},
    socket::Socket,
    subscription::Progress,
};
use crate::now::Now;

impl<S: Socket> Shard<S> {
    /// Lets clients that the tape has left behind ask for updates of a log, see [`Event::Read`].
    /// Without this they get a gap at once.
    pub fn with_log(mut self) -> Self {
        self.log = Some(LogWindows::default());
        self
    }

    /// Takes what was read of the log from a position on, which the first strip has. Clients whose
    /// next update is not there get a gap, up to where the log goes on if that is before the tape,
    /// and else up to the tape.
    pub fn take_window(&mut self, from: Position, part: LogPart, now: Now) {
        let Some(log) = &mut self.log else {
            return;
        };
        let LogPart {
            strips,
            begin,
            elapsed,
        } = part;
        self.log_pace.note_read(elapsed, now.uptime);
        log.set_uptime(now.uptime);
        let bytes: usize = strips.iter().map(|strip| strip.len_bytes()).sum();
        self.stats.log_reads.add(1);
        self.stats.log_read_bytes.add(bytes as u64);
        let (keys, has_any) = log.put(from, strips, self.topics.len());
        let lacks = (!has_any).then(|| FromLog::Lacks(begin.map(Arc::new)));
        for key in keys {
            self.go_on_after_log(key, from, lacks.as_ref());
        }
        self.read_log();
    }

    /// Lets a connection go on that waits for a position of the log.
    fn go_on_after_log(&mut self, key: ConnectionKey, from: Position, lacks: Option<&FromLog>) {
        if !is_waiting(&mut self.connections, key, from) {
            return;
        }
        let waiting = self.connections[key.slot].catching_up.log.take();
        for subscription in waiting.into_iter().flat_map(|it| it.subscriptions) {
            if let Some(lacks) = lacks
                && let Some(of_connection) = self.subscriptions.get_mut(subscription)
                && let Progress::Behind(behind) = &mut of_connection.progress
                && behind.scanned + 1 == from
            {
                behind.log = lacks.clone();
            }
            self.go_on(key, subscription);
        }
    }

    /// Asks for parts of the log, as far as they may be read now.
    pub(super) fn read_log(&mut self) {
        let Some(log) = &mut self.log else {
            return;
        };
        let connections = &mut self.connections;
        while let Some(from) = log.next_read(|key, from| is_waiting(connections, key, from)) {
            let until = self.tape.floor();
            self.events.push(Event::Read { from, until });
        }
    }

    /// Drops windows that are no longer read, and counts.
    pub(super) fn tick_log(&mut self, now: Now) {
        let Some(log) = &mut self.log else {
            return;
        };
        log.set_uptime(now.uptime);
        log.drop_idle();
        self.stats.log_window_bytes.set(log.bytes() as u64);
        let reads = self.subscriptions.iter().filter(|(_, subscription)| {
            let progress = &subscription.progress;
            matches!(progress, Progress::Behind(behind) if behind.log == FromLog::Read)
        });
        self.stats.log_readers.set(reads.count() as u64);
        self.read_log();
    }
}

/// Whether a connection waits for a position of the log.
fn is_waiting<S: Socket>(
    connections: &mut Connections<S>,
    key: ConnectionKey,
    from: Position,
) -> bool {
    let connection = connections.get(key);
    let waiting = connection.and_then(|connection| connection.catching_up.log.as_ref());
    waiting.is_some_and(|waiting| waiting.from == from)
}
