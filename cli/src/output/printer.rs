//! Updates, statuses and notes in one of the forms.

use jiff::Timestamp;
use tickcast_protocol::{
    message::{Status, TimeNs, TopicStatus, Update},
    topic::Topic,
};

use super::{
    format::{Format, FormatArgs},
    live::Live,
    recorded::{append_status, append_update},
    table,
    taker::{Origin, Taker},
    terminal::Terminal,
};
use crate::{exit::Failure, words::say};

/// Writes updates, statuses and notes in one form.
pub(crate) struct Printer {
    form: Form,
}

enum Form {
    Pretty(Live),
    Lines,
    Table,
}

impl Printer {
    pub(crate) fn new(args: &FormatArgs) -> Self {
        let form = match args.format() {
            Format::Pretty => Form::Pretty(Live::new(Terminal::of_stdout(args.color))),
            Format::Jsonl => Form::Lines,
            Format::Csv => Form::Table,
        };
        Self { form }
    }

    /// What comes before the first update.
    pub(crate) fn heading(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if matches!(self.form, Form::Table) {
            table::heading(&mut out);
        }
        out
    }
}

impl Taker for Printer {
    fn update(
        &mut self,
        update: Update<Topic>,
        unit: Option<&str>,
        Origin { is_every, is_old }: Origin,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        match &mut self.form {
            Form::Pretty(live) => {
                out.extend_from_slice(live.update(&update, unit, is_old).as_bytes());
            }
            Form::Table => table::row(&update, unit, out),
            Form::Lines => append_update(update, unit, is_every, out)?,
        }
        Ok(())
    }

    /// CSV has no place for it, so it is said.
    fn status(
        &mut self,
        status: TopicStatus<Topic>,
        is_every: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        match &mut self.form {
            Form::Pretty(live) => out.extend_from_slice(live.status(&status).as_bytes()),
            Form::Lines => append_status(status, is_every, out)?,
            Form::Table => {
                let word = match status.status {
                    Status::Live => "live again",
                    status => status.as_str(),
                };
                say(&format!("{} is {word}", status.topic));
            }
        }
        Ok(())
    }

    fn note(&mut self, text: &str, out: &mut Vec<u8>) {
        match &self.form {
            Form::Pretty(live) => out.extend_from_slice(live.note(text, now_ns()).as_bytes()),
            Form::Lines | Form::Table => say(text),
        }
    }
}

/// The clock of this machine.
pub(crate) fn now_ns() -> TimeNs {
    TimeNs::try_from(Timestamp::now().as_nanosecond()).unwrap_or(TimeNs::MAX)
}
