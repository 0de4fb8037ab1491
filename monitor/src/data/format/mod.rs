//! Numbers and times as text. Values of one kind have one width, so that nothing jumps while they
//! change.

mod durations;
mod latest;
mod numbers;
#[cfg(test)]
mod tests;
mod zone;

pub use self::numbers::number;
pub(crate) use self::{
    durations::{age, duration, latency, parse_duration},
    latest::latest,
    numbers::{count, cut, cut_front, mebibytes, parse_number, percent, rate, signed, value},
    zone::Zone,
};
