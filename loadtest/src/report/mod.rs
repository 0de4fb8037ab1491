//! The result of a run: a text for the terminal, a page, and files for other programs.

mod export;
mod files;
mod html;
mod text;
mod wording;

pub use files::{read_summary, write_files};
pub use html::html;
pub use text::text;
