//! `tickcast topics`: lists topics.

use clap::Args;
use serde::Serialize;
use tickcast_protocol::{
    message::{Seq, TimeNs},
    topic::Filter,
};

use crate::{
    connection::{ConnectionArgs, Link},
    exit::{Exit, Failure},
    output::{Format, FormatArgs, Output, Terminal, age, grid, kind},
    snapshot::Snapshot,
    words::shown,
};

/// List topics, with kind, unit, number of updates, age, status and name
#[derive(Debug, Args)]
pub(crate) struct TopicsArgs {
    /// Topics, as MQTT filters
    #[arg(value_name = "FILTER", default_value = "#")]
    filters: Vec<Filter>,

    #[command(flatten)]
    format: FormatArgs,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// A topic, in the forms jsonl and csv.
#[derive(Debug, Serialize)]
struct TopicLine<'a> {
    topic: &'a str,
    kind: &'a str,
    unit: Option<&'a str>,
    name: Option<&'a str>,
    /// The seq of its newest update.
    updates: Seq,
    /// When that came in, in nanoseconds since 1970.
    time: TimeNs,
    status: &'a str,
}

impl TopicsArgs {
    pub(crate) async fn run(self) -> Result<Exit, Failure> {
        let mut link = Link::open(&self.connection).await?;
        let snapshot = Snapshot::ask(&mut link, &self.filters).await?;
        let now_ns = link.welcome().server_time_ns;
        link.close().await;
        let lines = snapshot.updates.iter().map(|update| {
            let info = snapshot.info(&update.topic);
            TopicLine {
                topic: update.topic.as_str(),
                kind: kind(&update.value),
                unit: info.and_then(|info| info.unit.as_deref()),
                name: info.and_then(|info| info.name.as_deref()),
                updates: update.seq,
                time: update.ingest_time_ns,
                status: snapshot.status(&update.topic).as_str(),
            }
        });
        let lines: Vec<_> = lines.collect();
        let text = match self.format.format() {
            Format::Pretty => {
                pretty(&lines, now_ns, Terminal::of_stdout(self.format.color)).into_bytes()
            }
            Format::Jsonl => json(&lines)?,
            Format::Csv => table(&lines)?,
        };
        let mut output = Output::stdout()?;
        output.write(text).await?;
        output.finish().await?;
        Ok(Exit::Done)
    }
}

fn pretty(lines: &[TopicLine<'_>], now_ns: TimeNs, terminal: Terminal) -> String {
    let cell = |text: Option<&str>| shown(text.unwrap_or_default()).into_owned();
    let row = |line: &TopicLine<'_>| {
        vec![
            cell(Some(line.topic)),
            line.kind.to_owned(),
            cell(line.unit),
            line.updates.to_string(),
            age(line.time, now_ns),
            line.status.to_owned(),
            cell(line.name),
        ]
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    let headings = [
        "TOPIC", "KIND", "UNIT", ">UPDATES", ">AGE", "STATUS", "NAME",
    ];
    grid(&headings, &rows, terminal)
}

fn json(lines: &[TopicLine<'_>]) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    for line in lines {
        let written = serde_json::to_writer(&mut text, line);
        written.map_err(|error| Failure::Failed(format!("{}: {error}", line.topic)))?;
        text.push(b'\n');
    }
    Ok(text)
}

fn table(lines: &[TopicLine<'_>]) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        let written = writer.serialize(line);
        written.map_err(|error| Failure::Failed(format!("{}: {error}", line.topic)))?;
    }
    writer
        .into_inner()
        .map_err(|error| Failure::Failed(error.to_string()))
}
