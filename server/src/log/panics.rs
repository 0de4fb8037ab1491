//! Panics: a panic is a line of the log. The standard library would write it to standard error
//! itself, which blocks while standard error is a pipe that is not read.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    panic, thread,
};

/// Logs each panic from now on, with a backtrace if `RUST_BACKTRACE` asks for one.
pub(super) fn log_them() {
    panic::set_hook(Box::new(|info| {
        let thread = thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let reason = info.payload_as_str().unwrap_or("no text");
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            tracing::error!(thread, location, "panic: {reason}\n{backtrace}");
        } else {
            tracing::error!(thread, location, "panic: {reason}");
        }
    }));
}
