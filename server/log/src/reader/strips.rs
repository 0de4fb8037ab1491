//! Strips as they were on the tape, from a position on.

use tickcast_core::tape::{Strip, StripBuilder};
use tickcast_protocol::{codec, message::Position};

use super::{
    Reader,
    content::{Content, Piece},
};
use crate::{
    disk::{Disk, DiskFile},
    error::OpenError,
    format::{Name, StripBody},
};

/// Short strips are put together up to this many bytes of updates. If updates come one by one, a
/// server writes a strip for each, and as many in memory would cost far more than the updates.
const TOGETHER_BYTES: usize = 4 * 1024;

/// Some strips, one after the other.
#[derive(Debug, Default)]
pub struct Strips {
    /// The strips. Each has updates and what was known about topics; statuses are left out. The
    /// first one may begin before the position that was asked for.
    pub strips: Vec<Strip>,
    /// Positions that are missing between them and before them, each with the one after the last.
    pub missing: Vec<(Position, Position)>,
    /// Where to go on.
    pub next: Position,
}

impl<D: Disk> Reader<D> {
    /// Reads strips from a position on, until they have as many bytes. There is at least one,
    /// unless the log ends there. Short ones are put together. Each update can be sent in any
    /// encoding; one that cannot be decoded is missing.
    ///
    /// # Errors
    ///
    /// If a file cannot be read. A file that retention has removed is told as missing.
    pub fn strips(&mut self, from: Position, max_bytes: usize) -> Result<Strips, OpenError> {
        let mut reading = Reading {
            found: Strips {
                next: from.max(1),
                ..Strips::default()
            },
            open: None,
            bytes: 0,
            max_bytes,
        };
        loop {
            let segments = &self.catalog.segments;
            let at = segments.partition_point(|segment| segment.end <= reading.found.next);
            let Some(segment) = segments.get(at).filter(|_| !reading.is_full()) else {
                reading.close();
                return Ok(reading.found);
            };
            let (number, first, end) = (segment.number, segment.first, segment.end);
            let Some((content, _)) = self.catalog.content(&self.disk, at)? else {
                continue;
            };
            reading.skip_to(first);
            match reading.read(content, number) {
                Ok(true) => reading.skip_to(end),
                Ok(false) => {}
                Err(error) if error.is_gone() => self.catalog.forget(number),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Strips that are being read.
struct Reading {
    found: Strips,
    /// The last strip, to which others may be added.
    open: Option<StripBuilder>,
    bytes: usize,
    max_bytes: usize,
}

impl Reading {
    fn is_full(&self) -> bool {
        self.bytes >= self.max_bytes
    }

    /// Returns whether the segment was read to its end.
    fn read<F: DiskFile>(
        &mut self,
        content: Content<'_, F>,
        number: u64,
    ) -> Result<bool, OpenError> {
        let blocks = content.blocks();
        let begin = blocks.partition_point(|block| block.first <= self.found.next);
        for index in begin.saturating_sub(1)..blocks.len() {
            let result = content.read(index, |piece| {
                if let Piece::Strip(body) = piece {
                    self.take(&body);
                }
                !self.is_full()
            });
            result.map_err(OpenError::io(format!(
                "reading {}",
                Name::of_segment(number)
            )))?;
            if self.is_full() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes the updates of a record, up to the first one that cannot be decoded.
    fn take(&mut self, body: &StripBody<'_>) {
        if body.end() <= self.found.next {
            return;
        }
        // What is said about a topic holds from the first update of a strip on.
        let follows = self.open.as_ref().is_some_and(|open| {
            open.next() == body.first && body.topics.is_empty() && open.len_bytes() < TOGETHER_BYTES
        });
        if !follows {
            self.skip_to(body.first);
        }
        let open = self
            .open
            .get_or_insert_with(|| StripBuilder::new(body.first));
        let before = open.len_bytes();
        for info in &body.topics {
            open.introduce(info.clone());
        }
        for bytes in body.updates() {
            match codec::decode_update_bincode(bytes) {
                Ok(update) if update.position == open.next() => {
                    open.push_encoded(update.topic, update.quality, bytes);
                }
                Ok(_) | Err(_) => break,
            }
        }
        if open.next() > self.found.next {
            self.bytes += open.len_bytes() - before;
            self.found.next = open.next();
        } else if !follows {
            // What was asked for cannot be decoded.
            self.open = None;
        }
    }

    /// Ends the last strip. What follows begins at a position.
    fn skip_to(&mut self, position: Position) {
        self.close();
        let found = &mut self.found;
        if found.next < position {
            found.missing.push((found.next, position));
            found.next = position;
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take().filter(|open| open.len_bytes() > 0) {
            self.found.strips.push(open.build());
        }
    }
}
