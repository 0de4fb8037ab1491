//! The results as tables, as a picture, in the READMEs and as JSON.

mod origin;
mod picture;
mod readme;
mod results;
mod table;
mod targets;
mod wording;

pub use origin::Origin;
pub use results::Results;
