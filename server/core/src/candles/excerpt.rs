//! The answer to a question about candles or rows: packed records, which become intervals in
//! slices.

use tickcast_protocol::message::{Candle, CandleState, Interval, Position, Row, TimeNs};

use super::{
    folding::{Fold, Folding},
    levels,
    outages::{self, Span},
    question::CandlesQuestion,
    row_sum::RowSum,
    seam::{Older, Seam},
    sum::{Record, Sum},
    track::{Block, Track},
    trade_sum::TradeSum,
};

/// Maximum number of intervals in one answer: a day of minutes in two, ten days of quarters of an
/// hour in one. In JSON it is some 200 KiB.
pub const CANDLES_ANSWER_MAX: usize = 1_024;

/// The answer to a [`CandlesQuestion`]. It is cheap to make; [`advance`](Self::advance) makes
/// intervals of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Excerpt {
    pub(super) question: CandlesQuestion,
    position: Position,
    now: TimeNs,
    /// Of intervals that begin before this time, updates are missing.
    pub(super) complete_from: TimeNs,
    pub(super) outages: Box<[Span]>,
    pub(super) parts: Parts,
    /// Where what is kept begins.
    pub(super) seam: Seam,
    pub(super) older: Option<Box<Older>>,
}

/// The records of one topic.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Parts {
    None,
    Trades(Part<TradeSum>),
    Rows(Part<RowSum>),
}

/// The records of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part<S> {
    /// The oldest first; those that are read are gone.
    blocks: Vec<Block>,
    pub(super) folding: Folding<S>,
    is_read: bool,
}

/// The intervals of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Intervals {
    /// Of trades.
    Candles(Vec<Candle>),
    /// Of readings and quotes.
    Rows(Vec<Row>),
}

impl Excerpt {
    pub(super) fn new(
        question: &CandlesQuestion,
        (position, now): (Position, TimeNs),
        (complete_from, outages): (TimeNs, Box<[Span]>),
        parts: Parts,
        seam: Seam,
    ) -> Self {
        Self {
            question: *question,
            position,
            now,
            complete_from,
            outages,
            parts,
            seam,
            older: None,
        }
    }

    /// The length of the intervals.
    pub fn interval(&self) -> Interval {
        self.question.interval
    }

    /// Updates up to this position are counted.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Reads about as many records. Returns how many were read, and whether no more are needed.
    pub fn advance(&mut self, records: usize) -> (usize, bool) {
        match &mut self.parts {
            Parts::None => (0, true),
            Parts::Trades(part) => part.advance(records),
            Parts::Rows(part) => part.advance(records),
        }
    }

    /// Whether there are older intervals of those that were asked for. Known when all records are
    /// read.
    pub fn has_more(&self) -> bool {
        self.parts.folding().is_some_and(Fold::has_more)
    }

    /// Whether the intervals are of trades.
    pub fn is_of_trades(&self) -> bool {
        matches!(self.parts, Parts::Trades(_))
    }

    /// Number of intervals. Known when all records are read.
    pub fn len(&self) -> usize {
        self.parts.folding().map_or(0, Fold::len)
    }

    /// Whether it has no intervals.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The intervals of a range of indices, oldest first.
    pub fn intervals(&self, range: std::ops::Range<usize>) -> Intervals {
        match &self.parts {
            Parts::None => Intervals::Rows(Vec::new()),
            Parts::Trades(part) => {
                let records = part.folding.get(range);
                Intervals::Candles(records.map(|record| self.candle(record)).collect())
            }
            Parts::Rows(part) => {
                let records = part.folding.get(range);
                Intervals::Rows(records.map(|record| self.row(record)).collect())
            }
        }
    }

    fn candle(&self, record: &Record<TradeSum>) -> Candle {
        let sum = &record.sum;
        let [open, high, low, close] = sum.prices();
        let volume = sum.volume.and_then(|volume| volume.to_decimal());
        let (start_ns, state) = self.start_and_state(record, volume.is_none());
        Candle {
            start_ns,
            state,
            open,
            high,
            low,
            close,
            volume,
            count: sum.count,
        }
    }

    fn row(&self, record: &Record<RowSum>) -> Row {
        let (start_ns, state) = self.start_and_state(record, !record.sum.sum.is_finite());
        let RowSum {
            first,
            max,
            min,
            last,
            sum,
            count,
        } = record.sum;
        Row {
            start_ns,
            state,
            first,
            max,
            min,
            last,
            sum,
            count,
        }
    }

    fn start_and_state<S>(&self, record: &Record<S>, is_inexact: bool) -> (TimeNs, CandleState) {
        let nanos = self.question.interval.nanos();
        let start = record.index.saturating_mul(nanos);
        let end = start.saturating_add(nanos);
        let is_incomplete = record.is_flawed
            || is_inexact
            || start < self.complete_from
            || outages::is_hit(&self.outages, start, end);
        let state = match is_incomplete {
            true => CandleState::Incomplete,
            false if end > self.now => CandleState::Open,
            false => CandleState::Complete,
        };
        (start, state)
    }

    /// Approximate cost, in bytes.
    pub fn bytes(&self) -> usize {
        let cost = |blocks: &[Block]| blocks.iter().map(Block::cost).sum::<usize>();
        let parts = match &self.parts {
            Parts::None => 0,
            Parts::Trades(part) => cost(&part.blocks),
            Parts::Rows(part) => cost(&part.blocks),
        };
        parts + size_of_val(&*self.outages)
    }
}

impl Parts {
    /// The intervals that are made of the records, if there are any.
    pub(super) fn folding(&self) -> Option<&dyn Fold> {
        match self {
            Self::None => None,
            Self::Trades(part) => Some(&part.folding),
            Self::Rows(part) => Some(&part.folding),
        }
    }

    /// The same, to be changed.
    pub(super) fn folding_mut(&mut self) -> Option<&mut dyn Fold> {
        match self {
            Self::None => None,
            Self::Trades(part) => Some(&mut part.folding),
            Self::Rows(part) => Some(&mut part.folding),
        }
    }
}

impl<S: Sum> Part<S> {
    /// The records of a topic that a question is about. `unwritten` are the newest ones.
    pub(super) fn new(
        question: &CandlesQuestion,
        track: &Track<S>,
        unwritten: Vec<Record<S>>,
    ) -> Self {
        let (_, ratio) = levels::source(question.interval);
        let wanted = question.wanted(ratio);
        let limit = question.limit.min(CANDLES_ANSWER_MAX);
        // One record more than the intervals need, which tells that there are older ones.
        let needed = limit as u32 * ratio as u32 + 1;
        let (blocks, is_cut) = track.blocks(wanted.start * ratio, wanted.end * ratio, needed);
        let mut folding = Folding::new(ratio, wanted, limit, is_cut);
        folding.forgotten_before(track.forgotten_before);
        folding.add(unwritten.into_iter());
        let is_read = false;
        Self {
            blocks,
            folding,
            is_read,
        }
    }

    pub(super) fn advance(&mut self, records: usize) -> (usize, bool) {
        let mut read = 0;
        if self.is_read {
            return (read, true);
        }
        while !self.folding.is_full() {
            if read >= records && !self.blocks.is_empty() {
                return (read, false);
            }
            let Some(block) = self.blocks.pop() else {
                break;
            };
            read += block.records as usize;
            let records: Vec<_> = block.records().collect();
            self.folding.add(records.into_iter());
        }
        self.blocks = Vec::new();
        self.folding.finish();
        self.is_read = true;
        (read, true)
    }
}
