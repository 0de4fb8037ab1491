//! Measuring: contenders with their load take turns, each in a process of its own.

mod load;
mod measured;
mod orders;
mod turns;
mod usage;

pub use measured::serve;
pub use turns::measure;
