//! Lines of JSON, in the form of recordings.

use std::io;

use tickcast_protocol::{
    message::{TopicStatus, Update},
    recording::RecordedLine,
    topic::Topic,
};

use crate::exit::Failure;

/// Appends an update.
pub(crate) fn append_update(
    update: Update<Topic>,
    unit: Option<&str>,
    is_every: bool,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let (topic, unit) = (update.topic.clone(), unit.map(str::to_owned));
    append(&RecordedLine::of_update(topic, update, unit, is_every), out)
}

/// Appends a status.
pub(crate) fn append_status(
    status: TopicStatus<Topic>,
    is_every: bool,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let (topic, since_ns) = (status.topic, status.since_ns);
    append(
        &RecordedLine::of_status(topic, status.status, since_ns, is_every),
        out,
    )
}

fn append(line: &RecordedLine, out: &mut Vec<u8>) -> Result<(), Failure> {
    // Every value that can come over the wire as JSON can be written as JSON.
    let wrong = |error| Failure::Failed(format!("{}: {}", line.topic, io::Error::from(error)));
    line.write(out).map_err(wrong)
}
