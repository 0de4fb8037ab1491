//! `tickcast tail`: shows updates as they come.

use std::{future::pending, time::Duration};

use clap::{Args, ValueEnum};
use tickcast_protocol::{message::Mode, topic::Filter};
use tokio::time::{sleep, timeout};

use crate::{
    connection::{ConnectionArgs, Link, parse_duration},
    exit::{Exit, Failure},
    following::Following,
    interrupt::Interrupt,
    numbers::{parse_count, parse_rate},
    output::{FormatArgs, Output, Printer, Taker},
};

/// After a signal, what was received before it has this time to be written. A disk needs less, and
/// a person waits no longer for a prompt.
const LAST_WRITES_MAX: Duration = Duration::from_secs(2);

/// Show updates as they come
///
/// The values that are there come first. A lost connection is made again, and goes on where it was.
/// Losses and changes of status are shown in words: in their place in the form pretty, and else on
/// standard error; the form jsonl has statuses as lines of their own.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// Topics, as MQTT filters such as 'market/#'. What several of them select is shown once
    #[arg(value_name = "FILTER", required = true)]
    filters: Vec<Filter>,

    #[command(flatten)]
    pace: Pace,

    /// Leave out the values that are there at the start, or after a loss
    #[arg(long)]
    new: bool,

    /// End with exit code 5 when updates are lost; every update is then asked for
    #[arg(long, conflicts_with_all = ["mode", "rate"])]
    until_gap: bool,

    #[command(flatten)]
    until: Until,

    #[command(flatten)]
    format: FormatArgs,

    #[command(flatten)]
    connection: ConnectionArgs,
}

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

impl TailArgs {
    /// Shows updates until a signal, or until what was asked for has happened.
    pub(crate) async fn run(self) -> Result<Exit, Failure> {
        let asked = self.pace.asked()?;
        let mode = if self.until_gap {
            Some(Mode::Every)
        } else {
            asked
        };
        let following = Following {
            filters: self.filters,
            mode: mode.unwrap_or(Mode::Latest),
            max_rate_hz: self.pace.rate,
            wants_old: !self.new,
            left: self.until.count,
            until_gap: self.until_gap,
        };
        let Some(session) = Session::open(&self.connection).await? else {
            return Ok(Exit::Done);
        };
        let mut output = Output::stdout()?;
        let mut printer = Printer::new(&self.format);
        output.write(printer.heading()).await?;
        let duration = self.until.duration;
        session
            .follow(following, duration, &mut printer, &mut output)
            .await
    }
}

/// A connection, and the signals that end following.
pub(crate) struct Session {
    interrupt: Interrupt,
    link: Link,
}

impl Session {
    /// Connects; `None` if a signal has come before.
    pub(crate) async fn open(connection: &ConnectionArgs) -> Result<Option<Self>, Failure> {
        let mut interrupt = Interrupt::new()?;
        tokio::select! {
            link = Link::open(connection) => link.map(|link| Some(Self { interrupt, link })),
            () = interrupt.next() => Ok(None),
        }
    }

    /// Follows until a signal, for a duration, or until what is asked for has happened. Everything
    /// that was received before is then written.
    pub(crate) async fn follow(
        self,
        mut following: Following,
        duration: Option<Duration>,
        taker: &mut impl Taker,
        output: &mut Output,
    ) -> Result<Exit, Failure> {
        let Self {
            mut interrupt,
            mut link,
        } = self;
        let over = async {
            match duration {
                Some(duration) => sleep(duration).await,
                None => pending().await,
            }
        };
        let (ended, is_interrupted) = tokio::select! {
            ended = following.run(&mut link, taker, output) => (ended?, false),
            () = over => (Exit::Done, false),
            () = interrupt.next() => (Exit::Done, true),
        };
        let last = async {
            link.close().await;
            output.finish().await
        };
        if is_interrupted {
            // What is not written by then has a reader that does not read.
            let written = timeout(LAST_WRITES_MAX, last).await;
            return written.unwrap_or(Ok(())).map(|()| ended);
        }
        tokio::select! {
            written = last => written.map(|()| ended),
            () = interrupt.next() => Ok(Exit::Done),
        }
    }
}
