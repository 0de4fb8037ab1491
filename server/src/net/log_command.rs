//! The command that changes the log's filter. The log belongs to the program, which says how.

use std::{fmt, sync::OnceLock};

/// Changes the filter, or says what is wrong with it.
type Change = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// How the log's filter is changed, once the program has said so.
#[derive(Default)]
pub(crate) struct LogFilter(OnceLock<Change>);

impl LogFilter {
    /// Says how. The first one counts.
    pub(crate) fn set(&self, change: Change) {
        // A second log would not be the program's.
        let _ = self.0.set(change);
    }

    /// Changes the filter.
    pub(super) fn change(&self, filter: &str) -> Result<(), String> {
        let Self(change) = self;
        let change = change.get();
        change.ok_or("the program that runs the server has a log of its own")?(filter)
    }
}

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogFilter")
    }
}
