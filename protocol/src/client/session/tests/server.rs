//! A model of a server of one channel.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::{
    message::{
        Accepted, Batch, Changed, ChannelPosition, ClientMessage, EndedEpoch, Epoch, FilterRequest,
        Gap, Heartbeat, Mode, Position, Quality, ServerMessage, Start, SubscribeResult, Subscribed,
        Unsubscribe, Unsubscribed, Update, Welcome,
    },
    topic::Topic,
    value::Value,
};

/// What the server still has to send to one subscription.
#[derive(Debug)]
pub(super) struct Cursor {
    mode: Mode,
    position: Position,
    count: Option<u64>,
    snapshot: Option<(Position, Position)>,
}

#[derive(Debug, Default)]
pub(super) struct Server {
    pub(super) epoch: u64,
    /// The earlier epochs that it continues, and how much of each is left.
    pub(super) ended: Vec<(u64, Position)>,
    /// The topic of each update; the first has position 1.
    pub(super) tape: Vec<u8>,
    /// Up to here the server knows only the latest values.
    pub(super) floor: Position,
    pub(super) cursor: Option<Cursor>,
    /// On its way to the client.
    pub(super) wire: VecDeque<ServerMessage<Topic>>,
}

impl Server {
    pub(super) fn head(&self) -> Position {
        self.tape.len() as Position
    }

    fn update(&self, position: Position) -> Update<Topic> {
        let index = position as usize - 1;
        let of = self.tape[index];
        let seq = self.tape[..=index].iter().filter(|&&t| t == of).count() as u64;
        Update {
            topic: topic(of),
            position,
            seq,
            source_time_ns: None,
            ingest_time_ns: 0,
            quality: Quality::Live,
            value: Value::Reading(position as f64),
        }
    }

    /// The latest value of each topic whose latest value is in (`after`, `until`].
    pub(super) fn latest(&self, after: Position, until: Position) -> Vec<Update<Topic>> {
        let mut last = BTreeMap::new();
        for position in 1..=self.head() {
            last.insert(self.tape[position as usize - 1], position);
        }
        let mut positions: Vec<_> = last.into_values().collect();
        positions.retain(|&position| position > after && position <= until);
        positions.sort_unstable();
        positions.into_iter().map(|at| self.update(at)).collect()
    }

    pub(super) fn connect(&mut self) {
        self.cursor = None;
        self.wire.clear();
        self.wire.push_back(ServerMessage::Welcome(Welcome {
            server: String::new(),
            epoch: Epoch(self.epoch),
            position: self.head(),
            server_time_ns: 0,
            heartbeat_ms: 1_000,
            limits: limits(),
            continues: self.continues(),
        }));
    }

    fn continues(&self) -> Vec<EndedEpoch> {
        let ended = self.ended.iter().map(|&(epoch, last)| EndedEpoch {
            epoch: Epoch(epoch),
            last,
        });
        ended.collect()
    }

    /// Loses the newest updates, and continues in a new epoch.
    pub(super) fn cut(&mut self, lost: usize) {
        self.tape.truncate(self.tape.len().saturating_sub(lost));
        let head = self.head();
        self.floor = self.floor.min(head);
        self.ended.push((self.epoch, head));
        for (_, last) in &mut self.ended {
            *last = head.min(*last);
        }
        self.epoch += 1;
    }

    pub(super) fn request(&mut self, request: ClientMessage) {
        match request {
            ClientMessage::Subscribe(subscribe) => {
                let results = subscribe
                    .filters
                    .iter()
                    .map(|wanted| self.subscribe(subscribe.mode, wanted))
                    .collect();
                self.wire.push_back(ServerMessage::Subscribed(Subscribed {
                    id: subscribe.id,
                    results,
                }));
            }
            ClientMessage::Unsubscribe(Unsubscribe { id, channels }) => {
                assert_eq!(channels, [CHANNEL]);
                self.cursor = None;
                self.wire
                    .push_back(ServerMessage::Unsubscribed(Unsubscribed::answer(
                        id, channels,
                    )));
            }
            ClientMessage::Change(change) => {
                let position = self.cursor.as_ref().unwrap().position;
                let cursor = self.cursor.as_mut().unwrap();
                cursor.mode = change.mode;
                cursor.count = Some(position);
                self.wire.push_back(ServerMessage::Changed(Changed {
                    id: change.id,
                    previous: CHANNEL,
                    channel: CHANNEL,
                    mode: change.mode,
                    max_rate_hz: None,
                    position,
                    count: position,
                }));
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn subscribe(&mut self, mode: Mode, wanted: &FilterRequest) -> SubscribeResult {
        assert!(self.cursor.is_none(), "subscribed twice");
        let head = self.head();
        let mut lost = None;
        let (start, position, count, snapshot) = match wanted.resume {
            None => (Start::Fresh, head, Some(head), Some(0)),
            Some(resume) if resume.epoch != Epoch(self.epoch) => {
                let ended = self.ended.iter().find(|of| Epoch(of.0) == resume.epoch);
                match ended {
                    None => (Start::EpochChanged, head, Some(head), Some(0)),
                    Some(&(_, last)) if resume.position > last => {
                        lost = resume.count.map(|count| count - last);
                        (Start::Truncated, last, Some(last), Some(0))
                    }
                    Some(_) => (Start::Resumed, resume.position, resume.count, Some(0)),
                }
            }
            Some(resume) => {
                assert!(resume.position <= head, "a position that never was");
                (
                    Start::Resumed,
                    resume.position,
                    resume.count,
                    resume.snapshot,
                )
            }
        };
        self.cursor = Some(Cursor {
            mode,
            position,
            count,
            snapshot: snapshot.map(|at| (at, position)).filter(|(at, to)| at < to),
        });
        SubscribeResult::Accepted(Accepted {
            filter: wanted.filter.clone(),
            channel: CHANNEL,
            mode,
            max_rate_hz: None,
            epoch: Epoch(self.epoch),
            position,
            // The channel holds every topic, so its count is the position.
            count: count.unwrap_or(position),
            snapshot,
            start,
            lost,
        })
    }

    /// Sends the next message, with at most `most` updates.
    pub(super) fn step(&mut self, most: usize) {
        let (head, floor) = (self.head(), self.floor);
        let Some(cursor) = &self.cursor else { return };
        let (from, is_every) = (cursor.position, cursor.mode == Mode::Every);
        if let Some((at, end)) = cursor.snapshot {
            let mut updates = self.latest(at, end);
            let is_all = updates.len() <= most;
            updates.truncate(most);
            let to = updates.last().map_or(end, |last| last.position);
            let to = if is_all { end } else { to };
            self.cursor.as_mut().unwrap().snapshot = (to < end).then_some((to, end));
            self.send(at, to, true, updates);
        } else if from == head {
        } else if is_every && from < floor {
            let cursor = self.cursor.as_mut().unwrap();
            let lost = cursor.count.map(|count| floor - count);
            cursor.count = Some(floor);
            cursor.position = floor;
            cursor.snapshot = Some((from, floor));
            self.wire.push_back(ServerMessage::Gap(Gap {
                channel: CHANNEL,
                from,
                to: floor,
                lost,
                snapshot: from,
            }));
        } else {
            let mut updates = match is_every {
                true => (from + 1..=head).map(|at| self.update(at)).collect(),
                false => self.latest(from, head),
            };
            let is_all = updates.len() <= most;
            updates.truncate(most);
            let to = if is_all {
                head
            } else {
                updates[most - 1].position
            };
            let cursor = self.cursor.as_mut().unwrap();
            cursor.position = to;
            cursor.count = cursor.count.map(|count| count + updates.len() as u64);
            self.send(from, to, false, updates);
        }
    }

    fn send(&mut self, from: Position, to: Position, snapshot: bool, updates: Vec<Update<Topic>>) {
        self.wire.push_back(ServerMessage::Batch(Batch {
            channel: CHANNEL,
            from,
            to,
            snapshot,
            topics: vec![],
            updates,
        }));
    }

    pub(super) fn heartbeat(&mut self) {
        let channels = self.cursor.iter().map(|cursor| ChannelPosition {
            channel: CHANNEL,
            position: cursor.position,
        });
        let channels = channels.collect();
        let position = self.head();
        self.wire.push_back(ServerMessage::Heartbeat(Heartbeat {
            server_time_ns: 0,
            position,
            channels,
        }));
    }
}
