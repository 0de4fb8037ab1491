//! `tickcast pub`: publishes values.

use std::io::stdin;

use clap::Args;
use tickcast_protocol::{message::Publication, topic::Topic};

use crate::{
    connection::{ConnectionArgs, Link},
    exit::{Exit, Failure},
    publishing::{Chunk, Input, Parsed, Publisher, ValueType, parse_line, parse_value},
    words::say,
};

/// Lines that cannot be read and are told one by one. Further ones are counted.
const TOLD_MAX: u64 = 10;

/// Publish values, and wait until the server has them
///
/// Without VALUE it reads standard input: lines `TOPIC VALUE`, and lines of JSON as `tickcast
/// record` writes them; with TOPIC each line is a value of it. What comes faster than the server
/// takes it waits in the pipe.
#[derive(Debug, Args)]
pub(crate) struct PubArgs {
    /// The topic
    topic: Option<Topic>,

    /// The value
    #[arg(allow_negative_numbers = true, requires = "topic")]
    value: Option<String>,

    /// How values are read
    #[arg(long = "type", value_name = "TYPE", default_value = "auto")]
    value_type: ValueType,

    #[command(flatten)]
    connection: ConnectionArgs,
}

impl PubArgs {
    pub(crate) async fn run(self) -> Result<Exit, Failure> {
        let value = self.value.as_deref();
        let value = value
            .map(|text| parse_value(text, self.value_type))
            .transpose();
        let value = value.map_err(Failure::Usage)?;
        let mut publisher = Publisher::new(Link::open(&self.connection).await?);
        let mut skipped = 0;
        let done = match (&self.topic, value) {
            (Some(topic), Some(value)) => {
                let update = Publication {
                    topic: topic.as_str().to_owned(),
                    value,
                    source_time_ns: None,
                };
                publisher.publish(vec![update]).await
            }
            _ => self.lines(&mut publisher, &mut skipped).await,
        };
        publisher.finish(skipped, done).await
    }

    /// Publishes standard input to its end.
    async fn lines(&self, publisher: &mut Publisher, skipped: &mut u64) -> Result<(), Failure> {
        let mut input = Input::start("standard input", stdin())?;
        while let Some(chunk) = publisher.meanwhile(input.next()).await?? {
            let updates = self.read(&chunk, self.topic.as_ref(), skipped);
            publisher.publish(updates).await?;
        }
        Ok(())
    }

    /// The updates in some lines. Those that cannot be read are told and counted.
    fn read(&self, chunk: &Chunk, topic: Option<&Topic>, skipped: &mut u64) -> Vec<Publication> {
        let mut updates = Vec::with_capacity(chunk.lines.len());
        for (number, line) in (chunk.first..).zip(&chunk.lines) {
            match parse_line(line, topic, self.value_type) {
                Ok(Parsed::Update(update)) => updates.push(update),
                Ok(Parsed::Nothing) => {}
                Err(reason) => told(number, &reason, skipped),
            }
        }
        updates
    }
}

/// Tells and counts a line that cannot be read.
pub(super) fn told(number: u64, reason: &str, skipped: &mut u64) {
    *skipped += 1;
    if *skipped <= TOLD_MAX {
        say(&format!("line {number}: {reason}"));
    }
    if *skipped == TOLD_MAX {
        say("further lines that cannot be read are counted");
    }
}
