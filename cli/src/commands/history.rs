//! `tickcast history`: shows earlier updates of a topic.

use std::{collections::VecDeque, str::FromStr};

use clap::Args;
use form_urlencoded::Serializer;
use serde::Deserialize;
use tickcast_log::Point;
use tickcast_protocol::{
    message::{Position, TimeNs, Update},
    topic::Topic,
};

use crate::{
    connection::{ConnectionArgs, Lines, get, parse_duration},
    exit::{Exit, Failure},
    output::{FormatArgs, Origin, Output, PIECE_BYTES, Printer, Taker, now_ns},
    words::say,
};

/// Updates of one answer of the server, at most.
const PAGE_UPDATES: usize = 10_000;

/// Most updates for `--limit`, which are held until all are there: some hundred megabytes at worst.
const LIMIT_MAX: usize = 1_000_000;

/// What the server has of a topic's past has no holes but those that are told.
const ORIGIN: Origin = Origin {
    is_every: true,
    is_old: false,
};

/// Show earlier updates of a topic
///
/// The oldest comes first. They come from the server's log on disk if it has one, else from its
/// memory.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The topic
    topic: Topic,

    /// The first one: a position, a time such as 2026-11-27T08:00:00Z, or how long ago, as in 15m
    #[arg(long, value_name = "PLACE")]
    from: Option<Place>,

    /// The last position, or the time after the last one
    #[arg(long, value_name = "PLACE")]
    to: Option<Place>,

    /// At most this many: the newest ones
    #[arg(long, value_name = "N", value_parser = parse_limit)]
    limit: Option<usize>,

    #[command(flatten)]
    format: FormatArgs,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// A place in the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(Point);

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(point) = text.parse() {
            return Ok(Self(point));
        }
        let wrong = |_| {
            "expected a position, a time such as 2026-11-27T08:00:00Z, or how long ago, as in 15m"
                .to_owned()
        };
        let ago = parse_duration(text).map_err(wrong)?;
        let ago_ns = TimeNs::try_from(ago.as_nanos()).unwrap_or(TimeNs::MAX);
        Ok(Self(Point::Time(now_ns().saturating_sub(ago_ns))))
    }
}

/// Whether the first place is after the last one. A position and a time cannot be compared.
fn is_after(from: Option<Place>, to: Option<Place>) -> bool {
    match (from, to) {
        (Some(Place(Point::Position(from))), Some(Place(Point::Position(to)))) => from > to,
        (Some(Place(Point::Time(from))), Some(Place(Point::Time(to)))) => from > to,
        _ => false,
    }
}

fn parse_limit(text: &str) -> Result<usize, String> {
    let limit = text
        .parse()
        .ok()
        .filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| format!("expected a number from 1 to {LIMIT_MAX}"))
}

/// A line of an answer that is no update. An update has none of these members.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Other {
    missing: Option<Missing>,
    end: Option<End>,
    error: Option<String>,
}

/// Positions that the log has lost.
#[derive(Debug, Deserialize)]
struct Missing {
    from: Position,
    to: Position,
}

/// The last line.
#[derive(Debug, Deserialize)]
struct End {
    /// Where the next answer goes on, if there is more.
    after: Option<Position>,
}

impl HistoryArgs {
    pub(crate) async fn run(self) -> Result<Exit, Failure> {
        if is_after(self.from, self.to) {
            let text = "--from is after --to: nothing is between them";
            return Err(Failure::Usage(text.to_owned()));
        }
        let mut output = Output::stdout()?;
        let mut printer = Printer::new(&self.format);
        output.write(printer.heading()).await?;
        match self.limit {
            None => self.forwards(&mut printer, &mut output).await?,
            Some(limit) => self.newest(limit, &mut printer, &mut output).await?,
        }
        output.finish().await?;
        Ok(Exit::Done)
    }

    /// Shows everything, as it comes.
    async fn forwards(&self, printer: &mut Printer, output: &mut Output) -> Result<(), Failure> {
        let mut after = None;
        let mut out = Vec::new();
        loop {
            let mut lines = self.page("oldest", after, PAGE_UPDATES).await?;
            while let Some(update) = update(&mut lines, &mut after).await? {
                printer.update(update, None, ORIGIN, &mut out)?;
                if out.len() >= PIECE_BYTES {
                    output.write(std::mem::take(&mut out)).await?;
                }
            }
            if after.is_none() {
                return output.write(out).await;
            }
        }
    }

    /// Shows the newest ones, which come in the opposite order.
    async fn newest(
        &self,
        limit: usize,
        printer: &mut Printer,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let mut after = None;
        let mut held = VecDeque::new();
        while held.len() < limit {
            let page = PAGE_UPDATES.min(limit - held.len());
            let mut lines = self.page("newest", after, page).await?;
            while let Some(update) = update(&mut lines, &mut after).await? {
                held.push_front(update);
            }
            if after.is_none() {
                break;
            }
        }
        let mut out = Vec::new();
        for update in held {
            printer.update(update, None, ORIGIN, &mut out)?;
            if out.len() >= PIECE_BYTES {
                output.write(std::mem::take(&mut out)).await?;
            }
        }
        output.write(out).await
    }

    async fn page(
        &self,
        order: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Lines, Failure> {
        let mut query = Serializer::new(String::new());
        query.append_pair("topic", self.topic.as_str());
        query.append_pair("order", order);
        query.append_pair("limit", &limit.to_string());
        for (name, place) in [("from", self.from), ("to", self.to)] {
            if let Some(Place(point)) = place {
                query.append_pair(name, &written(point));
            }
        }
        if let Some(after) = after {
            query.append_pair("after", &after.to_string());
        }
        // A plus sign is a space for browsers alone.
        let query = query.finish().replace('+', "%20");
        get(&self.connection, &format!("/v1/history?{query}")).await
    }
}

/// A place as a query has it.
fn written(point: Point) -> String {
    match point {
        Point::Position(position) => position.to_string(),
        Point::Time(ns) => {
            let time = jiff::Timestamp::from_nanosecond(i128::from(ns));
            time.unwrap_or_default().to_string()
        }
    }
}

/// The next update of an answer; `None` at its end, which sets where the next one goes on.
async fn update(
    lines: &mut Lines,
    after: &mut Option<Position>,
) -> Result<Option<Update<Topic>>, Failure> {
    while let Some(line) = lines.next().await? {
        if let Ok(update) = serde_json::from_slice(line) {
            return Ok(Some(update));
        }
        let other: Other = serde_json::from_slice(line).unwrap_or_default();
        match other {
            Other {
                missing: Some(Missing { from, to }),
                ..
            } => say(&format!(
                "positions {from} to {to} are missing in the server's log"
            )),
            Other {
                error: Some(reason),
                ..
            } => return Err(Failure::Refused(format!("the answer ends early: {reason}"))),
            Other { end: Some(end), .. } => {
                *after = end.after;
                return Ok(None);
            }
            _ => {
                let line = String::from_utf8_lossy(line);
                let reason = format!("the server's line cannot be read: {line}");
                return Err(Failure::Failed(reason));
            }
        }
    }
    Err(Failure::NotConnected(
        "the answer broke off: its end is missing".to_owned(),
    ))
}
