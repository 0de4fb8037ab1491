//! Which signals mean what.

use std::{io, time::Duration};

use rustix::process::Signal as Number;
use tokio::{
    signal::unix::{self, SignalKind, signal},
    time::Instant,
};

/// A second signal within this time is the same one: GNU `timeout`, service managers and terminals
/// send a signal to the process and to its group.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// To end; the signal's name.
    End(&'static str),
    /// To read the settings again.
    Reload,
}

/// The signals of the process.
pub(super) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hangup: unix::Signal,
    ended_at: Option<Instant>,
    /// A log that may not grow further is a full disk, not the end of the process (setrlimit(2),
    /// RLIMIT_FSIZE).
    _file_size: unix::Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            ended_at: None,
            _file_size: signal(SignalKind::from_raw(Number::XFSZ.as_raw()))?,
        })
    }

    /// The next signal.
    pub(super) async fn next(&mut self) -> Signal {
        let name = tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hangup.recv() => return Signal::Reload,
        };
        self.ended_at = Some(Instant::now());
        Signal::End(name)
    }

    /// The next signal to end, other than the one that has begun the end.
    pub(super) async fn again(&mut self) -> &'static str {
        loop {
            let begin = self.ended_at;
            match self.next().await {
                Signal::Reload => tracing::info!("SIGHUP: ignored, as the server is draining"),
                Signal::End(name) => match begin {
                    Some(at) if at.elapsed() < SAME_SIGNAL => self.ended_at = begin,
                    Some(_) => return name,
                    None => tracing::info!(
                        "{name}: the server is draining already; send the signal again to exit now"
                    ),
                },
            }
        }
    }
}
