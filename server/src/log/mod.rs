//! Log: lines on standard error, best effort.
//!
//! Logging never blocks, fails or panics, whatever happens to standard error: a full disk, a pipe
//! without a reader, a pipe that is not read. A task that logs puts a line into a bounded queue,
//! and a thread writes the lines. What does not fit, or cannot be written, is dropped and counted.
//!
//! No library is used for the queue: `tracing-appender` counts the lines that do not fit, but not
//! those that cannot be written. It bounds the number of lines, but not their bytes. It does not
//! say later that lines are missing, and it prints when it cannot end in time.
//!
//! The files in reading order:
//!
//! * this file: [`Log`], which the program starts first
//! * `queue`: the lines that wait
//! * `format`: how a line is written
//! * `json`: lines as JSON
//! * `writer`: the thread that writes them
//! * `panics`: a panic is a line of the log, too
//! * `limit`: how many lines a source may cause
//!
//! This room knows no other room. A program that embeds the server has its own log.

mod format;
mod json;
pub(crate) mod limit;
mod panics;
mod queue;
mod writer;

use std::{io, sync::Arc};

pub use format::LogFormat;
use json::Json;
use queue::Queue;
use tickcast_core::stats::Number;
use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::ParseError,
    fmt,
    layer::{Layered, SubscriberExt},
    reload,
    util::SubscriberInitExt,
};

/// The reason why the log cannot start, or cannot change its filter.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not of the form that `--log` expects.
    #[error("the log filter is wrong: {0}")]
    Filter(#[from] ParseError),
    /// The filter cannot be replaced.
    #[error("the log filter cannot be replaced: {0}")]
    Reload(#[from] reload::Error),
    /// The thread that writes cannot start.
    #[error("cannot start the log thread: {0}")]
    Thread(#[from] io::Error),
    /// The process has another log already.
    #[error("cannot start the log: {0}")]
    Taken(#[from] tracing_subscriber::util::TryInitError),
}

/// The log of the process.
#[derive(Debug)]
pub struct Log {
    queue: Arc<Queue>,
    filter: reload::Handle<EnvFilter, Registry>,
    format: LogFormat,
}

/// What the layer that writes is on top of.
type Filtered = Layered<reload::Layer<EnvFilter, Registry>, Registry>;

impl Log {
    /// Starts the log on standard error. `filter` is the setting `log`, `format` is `log_format`;
    /// `colors` is for texts on terminals.
    ///
    /// # Errors
    ///
    /// If the filter is wrong, the thread cannot start, or the process has another log.
    pub fn start(filter: &str, format: LogFormat, colors: bool) -> Result<Self, LogError> {
        let queue = Arc::new(Queue::default());
        writer::start(Arc::clone(&queue), io::stderr(), format)?;
        let (filter, handle) = reload::Layer::new(env_filter(filter)?);
        let lines = Arc::clone(&queue);
        let layer = fmt::layer()
            .with_target(false)
            .with_ansi(colors)
            .log_internal_errors(false)
            .with_writer(move || writer::Lines(Arc::clone(&lines)));
        let layer: Box<dyn Layer<Filtered> + Send + Sync> = match format {
            LogFormat::Text => layer.boxed(),
            LogFormat::Json => layer.event_format(Json).boxed(),
        };
        tracing_subscriber::registry()
            .with(filter)
            .with(layer)
            .try_init()?;
        panics::log_them();
        Ok(Self {
            queue,
            filter: handle,
            format,
        })
    }

    /// Writes why the process fails, if its log is for programs: then no line may be a text.
    /// Returns whether it does. Filters are passed over, because nothing else tells the reason.
    pub fn fails(&self, reason: &str) -> bool {
        let is_json = self.format == LogFormat::Json;
        if is_json {
            let line = json::line(Level::ERROR, module_path!(), reason, &[].into());
            self.queue.push(line.as_bytes());
        }
        is_json
    }

    /// Replaces the filter.
    ///
    /// # Errors
    ///
    /// If the filter is wrong. The old one remains.
    pub fn set_filter(&self, filter: &str) -> Result<(), LogError> {
        Ok(self.filter.reload(env_filter(filter)?)?)
    }

    /// Sets the filter later, from any thread.
    pub fn filter_by(&self) -> impl Fn(&str) -> Result<(), String> + Send + Sync + 'static {
        let handle = self.filter.clone();
        move |filter| {
            let new = env_filter(filter).map_err(|error| error.to_string())?;
            handle.reload(new).map_err(|error| error.to_string())
        }
    }

    /// The number of lines dropped so far.
    pub fn dropped(&self) -> Arc<Number> {
        self.queue.dropped()
    }

    /// Waits until the lines of now are written, for a short time at most. Call it before the
    /// process ends.
    pub fn flush(&self) {
        self.queue.flush();
    }
}

/// The filter of a text, without the lines of libraries that only repeat what the server says.
fn env_filter(text: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::try_new(format!("async_nats=off,{text}"))
}
