//! The rules of the source tree that no compiler checks.
//!
//! Each rule is a function from the [`Project`] to its [`Finding`]s. The tests fail on any finding;
//! `cargo run -p tickcast-layout` prints all of them beneath the sizes.
//!
//! ```text
//! project ──> circles       (modules: `mod` and `use`; names: which file defines a path)
//!         ├─> sizes         lines of each file, median and largest of each package
//!         ├─> columns       length of Markdown and comment lines
//!         ├─> phrases       wording that `phrases.txt` replaces by plain English
//!         └─> architecture  paths and glossary of ARCHITECTURE.md
//! ```

mod architecture;
mod circles;
mod columns;
mod finding;
mod javascript;
mod modules;
mod names;
mod phrases;
mod project;
mod sizes;

pub use finding::Finding;
pub use project::{Error, Project};
pub use sizes::{Sizes, sizes};

/// Checks one rule.
pub type Rule = fn(&Project) -> Result<Vec<Finding>, Error>;

/// All rules by name.
pub const RULES: [(&str, Rule); 5] = [
    ("circles", circles::check),
    ("sizes", sizes::check),
    ("columns", columns::check),
    ("phrases", phrases::check),
    ("architecture", architecture::check),
];
