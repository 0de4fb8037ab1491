//! Messages to one connection: answers, errors, and frames that no other connection shares.

use bytes::Bytes;
use tickcast_protocol::message::{ErrorMessage, RequestId, ServerMessage, TopicId};

use super::{
    Event, Shard,
    connection::Connection,
    keys::{ConnectionKey, Slot},
    output::Flushed,
    socket::Socket,
};
use crate::{now::Now, refusal::Refusal, wire};

impl<S: Socket> Shard<S> {
    /// Sends a message that is not a batch.
    pub(super) fn answer(&mut self, key: ConnectionKey, message: &ServerMessage<TopicId>) {
        if let Some(connection) = self.connections.get(key) {
            let frame = wire::message(message, connection.wire);
            self.send(key, frame);
        }
    }

    /// Sends a message that has changed what its client is subscribed to.
    pub(super) fn answer_moved(&mut self, key: ConnectionKey, message: &ServerMessage<TopicId>) {
        match self.offset(key) {
            Some(offset) => self.send(key, wire::message_with_offset(message, &offset)),
            None => self.answer(key, message),
        }
    }

    /// Sends an error message.
    pub(super) fn refuse(
        &mut self,
        key: ConnectionKey,
        id: Option<RequestId>,
        refusal: Refusal,
        retry_after_ms: Option<u32>,
    ) {
        self.note_refusal(key, &refusal);
        let Refusal { code, reason } = refusal;
        self.stats.refused(code);
        let error = ErrorMessage {
            id,
            code,
            reason,
            temporary: code.is_temporary(),
            retry_after_ms,
        };
        self.answer(key, &ServerMessage::Error(error));
    }

    /// Queues an answer, which is sent at the end of this call. Nothing follows a close frame.
    pub(super) fn send(&mut self, key: ConnectionKey, frame: Bytes) {
        if let Some(connection) = self.open_connection(key) {
            connection.output.push(frame);
            self.rounds.note_answered(key);
        }
    }

    /// Queues a control frame, as [`send`](Self::send). A program that uses WebSocket messages does
    /// not see it.
    pub(super) fn send_control(&mut self, key: ConnectionKey, frame: Bytes) {
        if let Some(connection) = self.open_connection(key) {
            connection.output.push_control(frame);
            self.rounds.note_answered(key);
        }
    }

    /// The connection, unless it has ended or its close frame is sent.
    fn open_connection(&mut self, key: ConnectionKey) -> Option<&mut Connection<S>> {
        let connection = self.connections.get(key)?;
        connection
            .times
            .closing_since
            .is_none()
            .then_some(connection)
    }

    /// Writes the queued answers, and all other unsent frames of these connections.
    pub(super) fn flush_answers(&mut self, now: Now) {
        let answered = self.rounds.take_answered();
        for &slot in &answered {
            let connection = self.connections.in_slot(slot);
            if connection.is_some_and(|connection| connection.output.unsent_bytes() > 0) {
                self.flush(slot, 0, now);
            }
        }
        self.rounds.give_back(answered);
    }

    /// Writes a connection's unsent frames. Its socket has accepted the first `written` bytes
    /// already.
    pub(super) fn flush(&mut self, slot: Slot, written: usize, now: Now) -> Flushed {
        let (flushed, written) = self.flush_uncounted(slot, written, now);
        self.stats.bytes.add(written as u64);
        flushed
    }

    /// The same without counting the bytes. Also returns their number.
    #[inline]
    pub(super) fn flush_uncounted(
        &mut self,
        slot: Slot,
        written: usize,
        now: Now,
    ) -> (Flushed, usize) {
        let Some(connection) = self.connections.in_slot(slot) else {
            return (Flushed::Broken, 0);
        };
        connection.output.is_in_line = false;
        if connection.output.is_written(written, now.uptime) {
            return (Flushed::Clear, written);
        }
        let was_blocked = connection.output.is_blocked();
        let (flushed, written) = connection.flush(written, now.uptime);
        match flushed {
            Flushed::Clear => {}
            Flushed::Blocked if was_blocked => {}
            Flushed::Blocked | Flushed::Broken => self.note_stopped(slot, flushed),
        }
        (flushed, written)
    }

    /// Records that a connection's socket accepts no more bytes.
    #[cold]
    fn note_stopped(&mut self, slot: Slot, flushed: Flushed) {
        let key = self.connections.key(slot);
        if flushed == Flushed::Broken {
            self.events.push(Event::Broken(key));
            return;
        }
        self.stats.blocked.add(1);
        self.fall_behind(key);
        self.events.push(Event::Blocked(key));
    }
}
