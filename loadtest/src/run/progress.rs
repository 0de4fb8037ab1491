//! Shows the progress of a run.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::latency::{Histogram, format_ns, percentile};

/// The numbers change once a second, so more redraws would show nothing new.
const REDRAWS_PER_S: u8 = 2;

/// Seconds between two plain lines.
const PLAIN_EVERY_S: u32 = 5;

/// What is shown at the end of a second.
#[derive(Debug)]
pub struct View<'a> {
    /// The phase.
    pub phase: &'a str,
    /// Seconds of the phase that are over.
    pub done_s: u32,
    /// Length of the phase in seconds.
    pub len_s: u32,
    /// Connections whose subscriptions are confirmed.
    pub connections: u64,
    /// Updates delivered in the last second.
    pub delivered: u64,
    /// Response of updates that arrived in the last second.
    pub arrived: &'a Histogram,
    /// Gaps so far.
    pub gaps: u64,
    /// Breaches of the contract so far.
    pub broken: u64,
}

impl View<'_> {
    fn line(&self) -> String {
        let ns = |percent| match percentile(self.arrived, percent) {
            Some(ns) => format_ns(ns as f64),
            None => "-".to_owned(),
        };
        let mut line = format!(
            "{} subscribers  {} updates/s  p50 {}  p99 {}  max {}  gaps {}",
            self.connections,
            self.delivered,
            ns(50.0),
            ns(99.0),
            format_ns(self.arrived.max() as f64),
            self.gaps
        );
        if self.broken > 0 {
            line.push_str(&format!("  BROKEN {}", self.broken));
        }
        line
    }
}

/// How progress is shown on standard error.
pub enum ProgressDisplay<'a> {
    /// Nothing is shown.
    Quiet,
    /// A function is called after each second.
    Watched(Box<dyn Fn(&View<'_>) + 'a>),
    /// A line every few seconds, for logs.
    Plain,
    /// A progress bar, for a terminal.
    Bar(ProgressBar),
}

impl ProgressDisplay<'_> {
    /// Chooses a bar for a terminal and lines otherwise.
    pub fn new(quiet: bool) -> Self {
        if quiet {
            return Self::Quiet;
        }
        if !io::stderr().is_terminal() {
            return Self::Plain;
        }
        let style = ProgressStyle::with_template("{prefix:>8} [{bar:24}] {pos:>3}/{len}s  {msg}");
        let target = ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_S);
        let bar = ProgressBar::with_draw_target(Some(1), target);
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix("connect");
        Self::Bar(bar)
    }

    /// Writes a line.
    pub fn say(&self, text: &str) {
        match self {
            Self::Quiet | Self::Watched(_) => {}
            Self::Plain => write_line(text),
            Self::Bar(bar) => bar.println(text),
        }
    }

    /// A second is over.
    pub fn show(&self, view: &View<'_>) {
        match self {
            Self::Quiet => {}
            Self::Watched(watcher) => watcher(view),
            Self::Plain => {
                if view.done_s.is_multiple_of(PLAIN_EVERY_S) || view.done_s == view.len_s {
                    let View {
                        phase,
                        done_s,
                        len_s,
                        ..
                    } = view;
                    write_line(&format!("{phase} {done_s}/{len_s}s  {}", view.line()));
                }
            }
            Self::Bar(bar) => {
                bar.set_length(view.len_s.into());
                bar.set_position(view.done_s.into());
                bar.set_prefix(view.phase.to_owned());
                bar.set_message(view.line());
            }
        }
    }

    /// The run is over.
    pub fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// If standard error is closed, there is no place to report it.
fn write_line(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
