//! Which updates are followed, and how long.

use std::time::Duration;

use clap::{Args, ValueEnum};
use tickcast_protocol::message::Mode;

use crate::{
    connection::parse_duration,
    exit::Failure,
    numbers::{parse_count, parse_rate},
};

/// Which updates are asked for.
#[derive(Debug, Clone, Args)]
pub(crate) struct Pace {
    /// Every update, or the newest values as fast as they are taken
    #[arg(long, value_name = "MODE")]
    pub(crate) mode: Option<ModeArg>,

    /// The same as --mode every
    #[arg(long, conflicts_with_all = ["mode", "rate"])]
    pub(crate) every: bool,

    /// Newest values at most this often per second
    #[arg(long, value_name = "HZ", value_parser = parse_rate)]
    pub(crate) rate: Option<f64>,
}

/// When following ends.
#[derive(Debug, Clone, Args)]
pub(crate) struct Until {
    /// End after this many updates
    #[arg(long, value_name = "N", value_parser = parse_count::<u64>)]
    pub(crate) count: Option<u64>,

    /// End after this time
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,
}

/// See [`Mode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeArg {
    /// Each update, in order
    Every,
    /// The newest value of each topic
    Latest,
}

impl Pace {
    /// The mode that was asked for.
    pub(crate) fn asked(&self) -> Result<Option<Mode>, Failure> {
        let mode = match (self.every, self.mode) {
            (true, _) | (_, Some(ModeArg::Every)) => Some(Mode::Every),
            (_, Some(ModeArg::Latest)) => Some(Mode::Latest),
            (false, None) => self.rate.map(|_| Mode::Latest),
        };
        match mode {
            Some(Mode::Every) if self.rate.is_some() => Err(Failure::Usage(
                "--rate is about newest values: leave it out, or use --mode latest".to_owned(),
            )),
            mode => Ok(mode),
        }
    }
}
