//! Where the lines of an answer come from: the log on disk, or the short history in memory.

use std::{collections::VecDeque, rc::Rc};

use tickcast_log::{Question, Range, Wanted};
use tickcast_protocol::message::Position;

use super::{memory, params::Params};
use crate::{
    data::{LogReads, Part, Told},
    net::shard_handle::ShardHandle,
};

/// Lines that are handed out at once: about 0.3 ms of encoding.
const LINES_AT_ONCE: usize = 256;

/// The rest of an answer.
#[derive(Debug)]
pub(super) struct Source {
    /// Lines that are read.
    told: VecDeque<Told>,
    /// Updates that may still be read.
    left: usize,
    /// Where the next part begins in the log, if the log has more.
    next: Option<Position>,
    log: Option<(LogReads, Question)>,
    /// Nothing from this position on is missing, or it is told.
    pub(super) complete_from: Position,
}

impl Source {
    /// Finds the beginning of an answer. The error is why it cannot be found.
    pub(super) async fn find(shard: &Rc<ShardHandle>, params: &Params) -> Result<Self, String> {
        let Some(reads) = shard.log_reads.clone() else {
            let found = memory::find(shard, params).await;
            let found = found.ok_or_else(|| "the server is ending".to_owned())?;
            let last = found.told.iter().rev().find_map(position);
            return Ok(Self {
                told: found.told,
                left: 0,
                next: last.filter(|_| found.has_more),
                log: None,
                complete_from: found.complete_from,
            });
        };
        let position = shard.with(|shard, _| shard.position());
        let question = Question {
            wanted: Wanted::Topic(params.topic.clone()),
            // What is in the log and not delivered yet is not told.
            range: Range {
                to: params.range.to.min(position),
                ..params.range
            },
            order: params.order,
        };
        let mut source = Self {
            told: VecDeque::new(),
            left: params.limit,
            next: params.after,
            log: Some((reads, question)),
            complete_from: 1,
        };
        source.read().await?;
        Ok(source)
    }

    /// Some lines, in order; none at the end. The error is why it cannot go on.
    pub(super) async fn some(&mut self) -> Result<Vec<Told>, String> {
        while self.told.is_empty() && self.left > 0 && self.next.is_some() {
            self.read().await?;
        }
        let some = self.told.len().min(LINES_AT_ONCE);
        Ok(self.told.drain(..some).collect())
    }

    /// At the end: where another answer can go on, if there may be more.
    pub(super) fn after(&self) -> Option<Position> {
        self.next
    }

    async fn read(&mut self) -> Result<(), String> {
        let Some((reads, question)) = &self.log else {
            return Ok(());
        };
        let updates = self.left.min(LINES_AT_ONCE);
        let Part { told, next, first } = reads.part(question, self.next, updates).await?;
        let read = told.iter().filter_map(position).count();
        self.left = self.left.saturating_sub(read);
        self.told.extend(told);
        self.next = next;
        self.complete_from = first;
        Ok(())
    }
}

fn position(told: &Told) -> Option<Position> {
    match told {
        Told::Update(position, _) => Some(*position),
        Told::Missing(..) => None,
    }
}
