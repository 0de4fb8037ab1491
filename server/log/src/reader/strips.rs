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
    /// unless the log ends there. `on` is called with each of them when it is read.
    ///
    /// # Errors
    ///
    /// If a file cannot be read. A file that retention has removed is told as missing.
    pub fn strips(
        &mut self,
        from: Position,
        max_bytes: usize,
        mut on: impl FnMut(&Strip),
    ) -> Result<Strips, OpenError> {
        let mut found = Strips {
            next: from.max(1),
            ..Strips::default()
        };
        let mut bytes = 0;
        loop {
            let segments = &self.catalog.segments;
            let at = segments.partition_point(|segment| segment.end <= found.next);
            let Some(segment) = segments.get(at).filter(|_| bytes < max_bytes) else {
                return Ok(found);
            };
            let (number, first, end) = (segment.number, segment.first, segment.end);
            let Some((content, _)) = self.catalog.content(&self.disk, at)? else {
                continue;
            };
            found.skip_to(first);
            match found.read(content, number, (max_bytes, &mut bytes), &mut on) {
                Ok(true) => found.skip_to(end),
                Ok(false) => {}
                Err(error) if error.is_gone() => self.catalog.forget(number),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Strips {
    /// Returns whether the segment was read to its end.
    fn read<F: DiskFile>(
        &mut self,
        content: Content<'_, F>,
        number: u64,
        (max_bytes, bytes): (usize, &mut usize),
        on: &mut impl FnMut(&Strip),
    ) -> Result<bool, OpenError> {
        let blocks = content.blocks();
        let begin = blocks.partition_point(|block| block.first <= self.next);
        for index in begin.saturating_sub(1)..blocks.len() {
            let result = content.read(index, |piece| {
                if let Piece::Strip(body) = piece
                    && let Some(strip) = strip(&body)
                    && strip.end() > self.next
                {
                    self.skip_to(strip.first());
                    self.next = strip.end();
                    *bytes += strip.len_bytes();
                    on(&strip);
                    self.strips.push(strip);
                }
                *bytes < max_bytes
            });
            result.map_err(OpenError::io(format!(
                "reading {}",
                Name::of_segment(number)
            )))?;
            if *bytes >= max_bytes {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn skip_to(&mut self, position: Position) {
        if self.next < position {
            self.missing.push((self.next, position));
            self.next = position;
        }
    }
}

/// The strip of a record. `None` if its updates cannot be read: then they are missing.
fn strip(body: &StripBody<'_>) -> Option<Strip> {
    let mut builder = StripBuilder::new(body.first);
    for info in &body.topics {
        builder.introduce(info.clone());
    }
    for bytes in body.updates() {
        let head = codec::decode_update_head_bincode(bytes).ok()?;
        (head.position == builder.next()).then_some(())?;
        builder.push_encoded(head.topic, head.quality, bytes);
    }
    Some(builder.build())
}
