//! Long time: candles of trades, and rows (least, greatest, first, last, sum and count) of readings
//! and of the middles of quotes, for intervals of a second to a day.
//!
//! Every update goes into them in the order of the tape, by the time at which it came in. So a
//! client can add later updates by itself, and an interval that has ended never changes. Values
//! that have no number, retained ones, whose age is unknown, and historical ones leave no trace.
//!
//! Each topic has a pyramid: an update changes the sum of its open second alone. When a second is
//! over, its sum is written as a record and joins that of its minute, and so on. Other intervals
//! are made of records when they are asked for. Records are packed into blocks, which an answer
//! shares: the sequencer only finds them, and a shard reads them in slices.
//!
//! The files in reading order:
//!
//! * `levels`: which intervals are stored
//! * `clock`: a clock that is set back
//! * `sample`: what an update adds
//! * `sum`, `trade_sum`, `row_sum`: what is kept of the updates of an interval
//! * `packed`: numbers in few bytes
//! * `track`: the records of one topic and level, in blocks
//! * `pyramid`: all levels of one topic
//! * `outages`: when updates are missing
//! * `store`: all topics, within a bound on memory
//! * `question`, `excerpt`, `folding`: a question and its answer
//! * `seam`, `older`: what an answer gets from a log on disk, where memory does not reach

mod clock;
mod excerpt;
mod folding;
mod levels;
mod older;
mod outages;
mod packed;
mod pyramid;
mod question;
mod row_sum;
mod sample;
mod seam;
mod store;
mod sum;
mod track;
mod trade_sum;

#[cfg(test)]
mod tests;

pub use clock::CLOCK_BACK_MAX;
pub use excerpt::{CANDLES_ANSWER_MAX, Excerpt, Intervals};
pub use outages::FeedSpans;
pub(crate) use outages::OutagesSnapshot;
pub use question::CandlesQuestion;
pub use seam::{OlderProgress, OlderRange};
pub use store::{LongHistory, LongHistorySettings};
