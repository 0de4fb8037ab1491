//! Topics of the monitor that are computed from others: means, spreads, formulas.
//!
//! [`Calculation`] is the pure core: values and gaps of sources go in, values come out. `feed`
//! reads the sources' histories into it, and [`DerivedTopics`] keeps all of them up to date.

mod calculation;
mod definition;
mod error;
mod feed;
mod formula;
mod limits;
mod set;
mod sum;
#[cfg(test)]
mod tests;
mod window;

pub(crate) use self::{
    definition::{DerivedRule, DerivedTopic},
    error::DerivedError,
    set::DerivedTopics,
};
