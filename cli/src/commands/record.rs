//! `tickcast record`: writes updates to a file, to be replayed.

use std::{fs::OpenOptions, path::PathBuf};

use clap::Args;
use tickcast_protocol::{
    message::{Mode, TopicStatus, Update},
    topic::{Filter, Topic},
};

use crate::{
    connection::ConnectionArgs,
    exit::{Exit, Failure},
    following::{Following, Pace, Session, Until},
    output::{Origin, Output, Taker, append_status, append_update},
    words::{count, say},
};

/// Write updates to a file, to be replayed
///
/// It ends with Ctrl-C. The file has a line of JSON for each update. `tickcast replay`, the
/// server's feed replay, the monitor and the load tester read it. A slow disk loses nothing: the
/// server waits, and counts what it cannot keep meanwhile.
#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// Topics, as MQTT filters such as 'market/#'
    #[arg(value_name = "FILTER", required = true)]
    filters: Vec<Filter>,

    /// File to write, which must not exist; compressed with gzip if its name ends with .gz
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Replace the file if it exists
    #[arg(long)]
    force: bool,

    /// Begin with the values that are there at the start
    #[arg(long)]
    with_old: bool,

    #[command(flatten)]
    pace: Pace,

    #[command(flatten)]
    until: Until,

    #[command(flatten)]
    connection: ConnectionArgs,
}

impl RecordArgs {
    /// Records until a signal, or until what was asked for has happened.
    pub(crate) async fn run(self) -> Result<Exit, Failure> {
        let following = Following {
            filters: self.filters,
            mode: self.pace.asked()?.unwrap_or(Mode::Every),
            max_rate_hz: self.pace.rate,
            wants_old: self.with_old,
            left: self.until.count,
            until_gap: false,
        };
        // The file is not touched without a connection.
        let Some(session) = Session::open(&self.connection).await? else {
            return Ok(Exit::Done);
        };
        let name = self.output.display().to_string();
        let mut options = OpenOptions::new();
        let options = match self.force {
            true => options.write(true).create(true).truncate(true),
            false => options.write(true).create_new(true),
        };
        let file = options.open(&self.output);
        let file = file.map_err(|error| Failure::Failed(format!("{name}: {error}")))?;
        let is_packed = self.output.extension().is_some_and(|end| end == "gz");
        let mut output = match is_packed {
            true => Output::gzip(name.clone(), file)?,
            false => Output::file(name.clone(), file)?,
        };
        let mut recorder = Recorder::default();
        let duration = self.until.duration;
        let ended = session
            .follow(following, duration, &mut recorder, &mut output)
            .await;
        let (updates, statuses) = (recorder.updates, recorder.statuses);
        let (updates, statuses) = (count(updates, "update"), count(statuses, "status change"));
        say(&format!("{updates} and {statuses} in {name}"));
        ended
    }
}

/// Makes lines of a recording.
#[derive(Debug, Default)]
struct Recorder {
    updates: u64,
    statuses: u64,
}

impl Taker for Recorder {
    fn update(
        &mut self,
        update: Update<Topic>,
        unit: Option<&str>,
        Origin { is_every, .. }: Origin,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        self.updates += 1;
        append_update(update, unit, is_every, out)
    }

    fn status(
        &mut self,
        status: TopicStatus<Topic>,
        is_every: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        self.statuses += 1;
        append_status(status, is_every, out)
    }

    fn note(&mut self, text: &str, _: &mut Vec<u8>) {
        say(text);
    }
}
