//! `tickcast tail`: shows updates as they come.

use clap::Args;
use tickcast_protocol::{message::Mode, topic::Filter};

use crate::{
    connection::ConnectionArgs,
    exit::{Exit, Failure},
    following::{Following, Pace, Session, Until},
    output::{FormatArgs, Output, Printer},
};

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
