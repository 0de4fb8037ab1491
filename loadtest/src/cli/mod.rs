//! The command line: its arguments, and the plan that they make.

mod args;
mod measurable;
mod plan;
#[cfg(test)]
mod tests;
mod url;

pub use args::{Cli, RunArgs, Task};
