//! Long time: candles and rows that the server has made, and the live updates that go on from them.
//!
//! Pure: no I/O and no clock. The server answers questions about intervals of one length in pages.
//! A track keeps the intervals of one topic and one length, and which stretches of time it knows.
//! To the newest interval of an answer it adds the live updates after the answer's position, so
//! each update is counted once. When it is not certain that no update is missing, the track asks
//! again from its newest interval on: the server decides what is complete.
//!
//! The files in reading order:
//!
//! * `bar`: what is known of the updates of one interval
//! * `outages`: when the source was away
//! * `coverage`: which stretches of time are known
//! * `track`: the intervals of one topic and length
//! * `update_log`: updates that came while an answer is under way
//! * `topic`: all tracks of one topic
//! * `folding`: longer intervals, for drawing
//! * `levels`: which intervals are asked for

mod bar;
mod coverage;
mod folding;
mod levels;
mod outages;
mod topic;
mod track;
mod update_log;

#[cfg(test)]
mod tests;

pub use self::bar::{BarSum, LongBar};
pub(crate) use self::{
    folding::folded,
    levels::{next_level, row_interval, source_of},
    outages::{DENSE_UPDATES, joined},
    topic::{LongAvailability, TopicLongHistory},
    track::{LongTrack, PAGE_INTERVALS, Page, Question, SETTLED_NS},
};
