//! Reads the project's documents for the tests of them: blocks of code, and what each says about
//! how it is tested.
//!
//! A block that can run has an HTML comment above it, which readers do not see:
//!
//! | comment | meaning |
//! |---|---|
//! | `<!-- run: ... -->` | the tests run the block; after the colon TOML, see [`Run`] |
//! | `<!-- run by: FILE -->` | another test runs it, and names the document |
//! | `<!-- not run: REASON -->` | nothing runs it |
//!
//! The tests refuse a block of a shell, of JavaScript or without a language that has none of them.
//! TOML, JSON, Rust and transcripts of the protocol need no comment: they are checked as they are.

mod block;
mod marker;
pub mod output;
mod script;

pub use block::{Block, Document, documents};
pub use marker::{Marker, MarkerError, Run};
pub use script::{commands, starts_server};
