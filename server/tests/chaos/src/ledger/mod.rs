//! What was published, acknowledged and delivered, and every contradiction in it.

mod chain;
mod truth;

#[cfg(test)]
mod tests;

pub use chain::{Chain, Mode, Token};
pub use truth::{Counts, Truth};
