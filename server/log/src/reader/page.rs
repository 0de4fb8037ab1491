//! Updates of some topics in a range, oldest or newest first, a bounded part at a time.

use tickcast_protocol::{
    codec::{self, UpdateHead},
    message::Position,
};

use super::{
    Reader,
    content::{Content, Piece},
    names::{Selected, Wanted},
};
use crate::{
    disk::{Disk, DiskFile},
    error::OpenError,
    flaw::Flaw,
    format::{Name, Times},
    read::{Entry, Range},
};

/// In which order updates are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By position.
    OldestFirst,
    /// By position, backwards.
    NewestFirst,
}

/// Which updates are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Their topics.
    pub wanted: Wanted,
    /// Their positions and times.
    pub range: Range,
    /// Their order.
    pub order: Order,
}

/// How much is done in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Updates that are told, at most.
    pub updates: usize,
    /// Bytes after which no other block is read. A call reads at least one block, and at most one
    /// more than this.
    pub read_bytes: u64,
}

impl<D: Disk> Reader<D> {
    /// Reads a part of what a question asks for. `after` is what the call for the part before has
    /// returned. `None` is returned at the end. Positions that are missing are told, also those of
    /// other topics, and so are bytes that cannot be read.
    ///
    /// # Errors
    ///
    /// If a file cannot be read. A file that retention has removed is told as missing.
    pub fn page(
        &mut self,
        question: &Question,
        after: Option<Position>,
        limits: Limits,
        mut on: impl FnMut(Entry<'_>),
    ) -> Result<Option<Position>, OpenError> {
        let mut page = Page {
            question,
            updates: limits.updates.max(1),
            bytes: limits.read_bytes,
            has_moved: false,
            on: &mut on,
        };
        match question.order {
            Order::OldestFirst => page.forwards(self, after),
            Order::NewestFirst => page.backwards(self, after),
        }
    }
}

/// Why the next block is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It is.
    Goes,
    /// The part is full.
    IsFull,
    /// The range ends.
    Ends,
}

/// A part that is being read.
struct Page<'a> {
    question: &'a Question,
    /// Updates that may still be told.
    updates: usize,
    /// Bytes that may still be read.
    bytes: u64,
    /// Whether the place has changed since the beginning.
    has_moved: bool,
    on: &'a mut dyn FnMut(Entry<'_>),
}

impl Page<'_> {
    /// Whether the part is full. It never is before anything was done.
    fn is_full(&self) -> bool {
        self.has_moved && self.bytes == 0
    }

    fn spend(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Whether there may be updates in the range among some.
    fn may_have(&self, times: Times) -> bool {
        let range = self.question.range;
        times.max_ns >= range.from_ns && times.min_ns < range.to_ns
    }

    /// Tells that positions are missing, as far as they are in the range.
    fn miss(&mut self, first: Position, end: Position) {
        let range = self.question.range;
        let first = first.max(range.from).max(1);
        let end = end.min(range.to.saturating_add(1));
        if first < end {
            (self.on)(Entry::Missing { first, end });
        }
    }

    fn forwards<D: Disk>(
        &mut self,
        reader: &mut Reader<D>,
        after: Option<Position>,
    ) -> Result<Option<Position>, OpenError> {
        let range = self.question.range;
        let mut next = range.from.max(1);
        next = next.max(after.map_or(0, |after| after.saturating_add(1)));
        // What comes before the log is only missing if it was asked for.
        if after.is_none() && range.from == 0 {
            next = next.max(reader.first());
        }
        loop {
            let segments = &reader.catalog.segments;
            let at = segments.partition_point(|segment| segment.end <= next);
            let Some(segment) = segments.get(at).filter(|_| next <= range.to) else {
                return Ok(None);
            };
            let (number, first, end) = (segment.number, segment.first, segment.end);
            if self.is_full() {
                return Ok(Some(next - 1));
            }
            if next < first {
                self.miss(next, first);
            }
            next = next.max(first);
            if !self.may_have(segment.times) {
                (next, self.has_moved) = (end, true);
                continue;
            }
            let Some((content, read_bytes)) = reader.catalog.content(&reader.disk, at)? else {
                continue;
            };
            self.spend(read_bytes);
            match self.segment_forwards(content, number, end, &mut next) {
                Ok(Next::Goes) => {}
                Ok(Next::IsFull) => return Ok(Some(next - 1)),
                Ok(Next::Ends) => return Ok(None),
                Err(error) if error.is_gone() => reader.catalog.forget(number),
                Err(error) => return Err(error),
            }
        }
    }

    fn segment_forwards<F: DiskFile>(
        &mut self,
        content: Content<'_, F>,
        number: u64,
        end: Position,
        next: &mut Position,
    ) -> Result<Next, OpenError> {
        let range = self.question.range;
        let (selected, marks) = content.select(&self.question.wanted);
        let blocks = content.blocks();
        let begin = blocks.partition_point(|block| block.first <= *next);
        for index in begin.saturating_sub(1)..blocks.len() {
            let block_end = blocks.get(index + 1).map_or(end, |block| block.first);
            if block_end <= *next {
                continue;
            }
            if blocks[index].first > range.to {
                return Ok(Next::Ends);
            }
            if !marks[index] || !self.may_have(blocks[index].times) {
                (*next, self.has_moved) = (block_end, true);
                continue;
            }
            if self.is_full() {
                return Ok(Next::IsFull);
            }
            let (from, to) = content.bytes_of(index);
            self.spend(to.saturating_sub(from));
            let mut state = Next::Goes;
            let mut visit = Visit {
                number,
                selected: &selected,
                range,
                next: *next,
                block_end,
            };
            let result = visit.block(content, index, |place, event| {
                *next = place;
                self.has_moved = true;
                match event {
                    Event::Missing(first, end) => self.miss(first, end),
                    Event::Flaw(offset, flaw) => {
                        let name = &Name::of_segment(number);
                        (self.on)(Entry::Flaw { name, offset, flaw });
                    }
                    Event::Update(head, bytes) => {
                        if let Some(info) = content.names().at(head.topic, head.position) {
                            (self.on)(Entry::Update { head, bytes, info });
                        }
                        self.updates -= 1;
                        if self.updates == 0 {
                            state = Next::IsFull;
                        }
                    }
                }
                state == Next::Goes
            });
            result?;
            if state == Next::IsFull {
                return Ok(Next::IsFull);
            }
            (*next, self.has_moved) = (block_end, true);
        }
        *next = (*next).max(end);
        Ok(Next::Goes)
    }

    fn backwards<D: Disk>(
        &mut self,
        reader: &mut Reader<D>,
        after: Option<Position>,
    ) -> Result<Option<Position>, OpenError> {
        let range = self.question.range;
        let from = range.from.max(1);
        let mut end = reader.end().min(range.to.saturating_add(1));
        end = end.min(after.unwrap_or(Position::MAX));
        loop {
            if end <= from {
                return Ok(None);
            }
            let segments = &reader.catalog.segments;
            let before = segments.partition_point(|segment| segment.first < end);
            let Some(at) = before.checked_sub(1) else {
                if range.from > 0 {
                    self.miss(from, end);
                }
                return Ok(None);
            };
            if self.is_full() {
                return Ok(Some(end));
            }
            let segment = &segments[at];
            let (number, first, segment_end) = (segment.number, segment.first, segment.end);
            if segment_end < end {
                self.miss(segment_end, end);
                (end, self.has_moved) = (segment_end, true);
                if segment_end == first {
                    continue;
                }
            }
            if !self.may_have(segment.times) {
                (end, self.has_moved) = (first, true);
                continue;
            }
            let Some((content, read_bytes)) = reader.catalog.content(&reader.disk, at)? else {
                continue;
            };
            self.spend(read_bytes);
            match self.segment_backwards(content, number, segment_end, &mut end) {
                Ok(Next::Goes) => {
                    if first < end {
                        self.miss(first, end);
                    }
                    (end, self.has_moved) = (first, true);
                }
                Ok(Next::IsFull) => return Ok(Some(end)),
                Ok(Next::Ends) => return Ok(None),
                Err(error) if error.is_gone() => reader.catalog.forget(number),
                Err(error) => return Err(error),
            }
        }
    }

    fn segment_backwards<F: DiskFile>(
        &mut self,
        content: Content<'_, F>,
        number: u64,
        segment_end: Position,
        end: &mut Position,
    ) -> Result<Next, OpenError> {
        let range = self.question.range;
        let (selected, marks) = content.select(&self.question.wanted);
        let blocks = content.blocks();
        let after = blocks.partition_point(|block| block.first < *end);
        for index in (0..after).rev() {
            if *end <= range.from {
                return Ok(Next::Ends);
            }
            let first = blocks[index].first;
            if !marks[index] || !self.may_have(blocks[index].times) {
                (*end, self.has_moved) = (first, true);
                continue;
            }
            if self.is_full() {
                return Ok(Next::IsFull);
            }
            let (from, to) = content.bytes_of(index);
            self.spend(to.saturating_sub(from));
            let block_end = blocks
                .get(index + 1)
                .map_or(segment_end, |block| block.first);
            let mut kept = Vec::new();
            let mut visit = Visit {
                number,
                selected: &selected,
                range: Range {
                    to: range.to.min(end.saturating_sub(1)),
                    ..range
                },
                next: first.max(range.from),
                block_end: block_end.min(*end),
            };
            visit.block(content, index, |_, event| {
                kept.push(Kept::from(event));
                true
            })?;
            for kept in kept.iter().rev() {
                match kept {
                    Kept::Missing(first, last) => self.miss(*first, *last),
                    Kept::Flaw(offset, flaw) => {
                        let (name, offset) = (&Name::of_segment(number), *offset);
                        (self.on)(Entry::Flaw { name, offset, flaw });
                    }
                    Kept::Update(head, bytes) => {
                        (*end, self.has_moved) = (head.position, true);
                        if let Some(info) = content.names().at(head.topic, head.position) {
                            let head = *head;
                            (self.on)(Entry::Update { head, bytes, info });
                        }
                        self.updates -= 1;
                        if self.updates == 0 {
                            return Ok(Next::IsFull);
                        }
                    }
                }
            }
            (*end, self.has_moved) = (first, true);
        }
        Ok(Next::Goes)
    }
}

/// What is in a block.
enum Event<'a> {
    Update(UpdateHead, &'a [u8]),
    Missing(Position, Position),
    Flaw(u64, &'a Flaw),
}

/// The same, kept to be told backwards.
enum Kept {
    Update(UpdateHead, Vec<u8>),
    Missing(Position, Position),
    Flaw(u64, Flaw),
}

impl From<Event<'_>> for Kept {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Update(head, bytes) => Self::Update(head, bytes.to_vec()),
            Event::Missing(first, end) => Self::Missing(first, end),
            Event::Flaw(offset, flaw) => Self::Flaw(offset, flaw.clone()),
        }
    }
}

/// A block that is read.
struct Visit<'a> {
    number: u64,
    selected: &'a Selected,
    range: Range,
    /// The next position that is looked at.
    next: Position,
    /// The position after the last one that is looked at.
    block_end: Position,
}

impl Visit<'_> {
    /// Tells what is in a block, with the position after it, until `on` returns `false`.
    fn block<F: DiskFile>(
        &mut self,
        content: Content<'_, F>,
        index: usize,
        mut on: impl FnMut(Position, Event<'_>) -> bool,
    ) -> Result<(), OpenError> {
        let mut goes = true;
        let result = content.read(index, |piece| {
            goes = match piece {
                Piece::Flaw(offset, flaw) => on(self.next, Event::Flaw(offset, &flaw)),
                Piece::Strip(strip) => {
                    let goes = self.skip_to(strip.first, &mut on);
                    let updates = (strip.first..).zip(strip.updates());
                    goes && updates
                        .filter(|(position, _)| *position >= self.next)
                        .take_while(|(position, _)| *position < self.block_end)
                        .all(|(position, bytes)| self.update(position, bytes, &mut on))
                        && {
                            let end = strip.first + strip.updates().count() as Position;
                            self.next = self.next.max(end);
                            self.next < self.block_end
                        }
                }
            };
            goes
        });
        let name = || format!("reading {}", Name::of_segment(self.number));
        result.map_err(|error| OpenError::io(name())(error))?;
        if goes {
            self.skip_to(self.block_end, &mut on);
        }
        Ok(())
    }

    /// Returns whether more is wanted.
    fn update(
        &self,
        position: Position,
        bytes: &[u8],
        on: &mut impl FnMut(Position, Event<'_>) -> bool,
    ) -> bool {
        let after = position + 1;
        match codec::decode_update_topic_bincode(bytes) {
            Ok(topic) if self.selected.is_unknown(topic) => {
                return on(after, Event::Missing(position, after));
            }
            Ok(topic) if !self.selected.has(topic) => return true,
            Ok(_) | Err(_) => {}
        }
        match codec::decode_update_head_bincode(bytes) {
            Ok(head) if head.position == position => {
                !self.range.has(&head) || on(after, Event::Update(head, bytes))
            }
            Ok(_) | Err(_) => on(after, Event::Missing(position, after)),
        }
    }

    /// Tells that positions before another are missing. Returns whether more is wanted.
    fn skip_to(
        &mut self,
        position: Position,
        on: &mut impl FnMut(Position, Event<'_>) -> bool,
    ) -> bool {
        let (first, end) = (self.next, position.min(self.block_end));
        self.next = first.max(end);
        first >= end || on(self.next, Event::Missing(first, end))
    }
}
