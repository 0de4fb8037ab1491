//! From rows of a table to updates.

use std::sync::Arc;

use tickcast_protocol::{
    message::Quality,
    value::{Quote, Side, Trade, Value},
};

use super::{
    civil::join,
    columns::{Columns, RowShape, SideColumn},
    numbers::{Numbers, is_absent},
    times::Times,
    topics::{Kind, Series, Topics},
};
use crate::feed::{
    decode::{DecodeError, MissingPolicy, bad, parse_side, side_by_buyer_maker},
    replay::row::{BadRow, Chunk, Row},
};

/// Reads the rows of one file.
#[derive(Debug)]
pub(super) struct RowReader {
    pub(super) columns: Columns<usize>,
    pub(super) times: Times,
    pub(super) numbers: Numbers,
    pub(super) missing: MissingPolicy,
    pub(super) topics: Topics,
    /// The last unit in the file, which most rows share.
    pub(super) unit: Option<Arc<str>>,
    /// A date and a time together.
    pub(super) joined: String,
}

/// What a cell, or several, hold.
enum Content {
    Value(Value),
    /// This word, or no word, stands for no value.
    Nothing(String),
}

impl From<Value> for Content {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl RowReader {
    /// Reads the time and the values of a row.
    pub(super) fn read(&mut self, row: &csv::StringRecord, line: u64, chunk: &mut Chunk) {
        let before = chunk.rows.len();
        match self.try_read(row, line, chunk) {
            Ok(errors) => {
                let is_whole = chunk.rows.len() == before;
                if is_whole && errors.is_empty() {
                    chunk.passed_over += 1;
                }
                for (index, error) in errors.into_iter().enumerate() {
                    chunk.bad_rows.push(BadRow {
                        is_whole: is_whole && index == 0,
                        ..BadRow::new(line, error)
                    });
                }
            }
            Err(error) => chunk.bad_rows.push(BadRow::new(line, error)),
        }
    }

    /// Reads a row. Returns what is wrong with some of its cells.
    fn try_read(
        &mut self,
        row: &csv::StringRecord,
        line: u64,
        chunk: &mut Chunk,
    ) -> Result<Vec<DecodeError>, DecodeError> {
        let time = time_text(&self.columns, row, &mut self.joined)?;
        let time_ns = self
            .times
            .parse(time)
            .map_err(|error| bad("time", time, &error.to_string()))?;
        if let Some(unit) = self.columns.unit {
            let unit = field(row, "unit", unit)?;
            if self.unit.as_deref() != Some(unit) {
                self.unit = (!unit.is_empty()).then(|| unit.into());
            }
        }
        let series = self.topics.of(row)?;
        let (numbers, shape) = (&self.numbers, &self.columns.shape);
        let (unit, missing) = (&self.unit, self.missing);
        let mut is_further = false;
        let mut push = |series: &Series, content: Content| {
            let value = match content {
                Content::Value(value) => value,
                Content::Nothing(word) => match missing {
                    MissingPolicy::Absent => Value::Absent(word),
                    MissingPolicy::Skip => return Ok(()),
                    MissingPolicy::Error => return Err(bad("value", &word, "there is none")),
                },
            };
            let unit = match value {
                Value::Reading(_) => unit.clone(),
                _ => None,
            };
            chunk.rows.push(Row {
                time_ns,
                topic: series.topic.clone(),
                value,
                unit,
                quality: Quality::Live,
                source_time_ns: None,
                line,
                is_further,
            });
            is_further = true;
            Ok(())
        };
        let mut errors = Vec::new();
        if let RowShape::Cells(cells) = shape {
            for (cell, series) in cells.iter().zip(series) {
                let content = field(row, "value", cell.column)
                    .and_then(|text| cell_content(numbers, series, text));
                let pushed = content.and_then(|content| push(series, content));
                errors.extend(pushed.err());
            }
        } else if let Some(series) = series.first() {
            push(series, single(numbers, shape, row)?)?;
        }
        Ok(errors)
    }
}

/// The text of the time, which may be in two cells.
pub(super) fn time_text<'a>(
    columns: &Columns<usize>,
    row: &'a csv::StringRecord,
    joined: &'a mut String,
) -> Result<&'a str, DecodeError> {
    let time = field(row, "time", columns.time)?;
    let Some(date) = columns.date else {
        return Ok(time);
    };
    join(field(row, "date", date)?, time, joined);
    Ok(joined)
}

fn field<'a>(
    row: &'a csv::StringRecord,
    name: &'static str,
    index: usize,
) -> Result<&'a str, DecodeError> {
    let field = row.get(index).map(str::trim);
    field.ok_or_else(|| DecodeError::Missing {
        field: name,
        pointer: format!("column {}", index + 1),
    })
}

/// A reading or a text: a topic whose first value was a number has no texts, and the other way
/// round.
fn cell_content(
    numbers: &Numbers,
    series: &mut Series,
    text: &str,
) -> Result<Content, DecodeError> {
    if is_absent(text) {
        return Ok(Content::Nothing(text.to_owned()));
    }
    let reading = match series.kind {
        Kind::Texts => None,
        Kind::Unknown | Kind::Numbers => numbers.reading(text),
    };
    match (reading, series.kind) {
        (Some(reading), _) => {
            series.kind = Kind::Numbers;
            Ok(reading.into())
        }
        (None, Kind::Numbers) => Err(not_a_number(series.topic.as_str(), text)),
        (None, _) => {
            series.kind = Kind::Texts;
            Ok(Value::Text(text.to_owned()).into())
        }
    }
}

fn not_a_number(topic: &str, text: &str) -> DecodeError {
    let reason = match (topic, text.contains(',')) {
        ("", false) => "it is not a number".to_owned(),
        ("", true) => "it is not a number here (decimal=comma in the format?)".to_owned(),
        (topic, _) => format!("it is not a number, as others of {topic} are"),
    };
    bad("value", text, &reason)
}

/// The value of a row that has one.
fn single(
    numbers: &Numbers,
    shape: &RowShape<usize>,
    row: &csv::StringRecord,
) -> Result<Content, DecodeError> {
    let nothing = |text: &str| Ok(Content::Nothing(text.to_owned()));
    let value = match shape {
        RowShape::Reading(index) => match field(row, "value", *index)? {
            text if is_absent(text) => return nothing(text),
            text => numbers
                .reading(text)
                .ok_or_else(|| not_a_number("", text))?,
        },
        RowShape::Text(index) => Value::Text(field(row, "text", *index)?.into()),
        RowShape::Trade { price, size, side } => {
            let (price, size) = (field(row, "price", *price)?, field(row, "size", *size)?);
            if is_absent(price) {
                return nothing(price);
            }
            Value::Trade(Trade {
                price: numbers.price("price", price)?,
                size: numbers.size("size", size)?,
                side: read_side(side.as_ref(), row)?,
            })
        }
        RowShape::Quote {
            bid,
            ask,
            bid_size,
            ask_size,
        } => {
            // An empty cell is a side without offers.
            let price = |name, index: usize| match field(row, name, index)? {
                text if is_absent(text) => Ok(None),
                text => numbers.price(name, text).map(Some),
            };
            let size = |name, index: &Option<usize>| match index {
                None => Ok(None),
                Some(index) => match field(row, name, *index)? {
                    text if is_absent(text) => Ok(None),
                    text => numbers.size(name, text).map(Some),
                },
            };
            let quote = Quote {
                bid: price("bid", *bid)?,
                ask: price("ask", *ask)?,
                bid_size: size("bid_size", bid_size)?,
                ask_size: size("ask_size", ask_size)?,
            };
            if (quote.bid, quote.ask) == (None, None) {
                return nothing("");
            }
            Value::Quote(quote)
        }
        // They have a value for each cell.
        RowShape::Cells(_) | RowShape::Rest => return nothing(""),
    };
    Ok(value.into())
}

/// The side of the taker. An empty or unknown name is no side.
fn read_side(
    column: Option<&SideColumn<usize>>,
    row: &csv::StringRecord,
) -> Result<Option<Side>, DecodeError> {
    match column {
        None => Ok(None),
        Some(SideColumn::Side(index)) => Ok(parse_side(field(row, "side", *index)?).ok()),
        Some(SideColumn::BuyerMaker(index)) => match field(row, "buyer_maker", *index)? {
            text if is_absent(text) => Ok(None),
            text => side_by_buyer_maker(text).map(Some),
        },
    }
}
