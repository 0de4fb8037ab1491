//! Headings whose meaning is known.

use super::{
    civil::{Civil, join},
    columns::{Cell, Columns, RowShape, SideColumn, named_cell},
    numbers::looks_like_number,
    topics::{Piece, TopicTemplate},
};

/// A date with a time, the preferred ones first.
const TIMES: &[&str] = &[
    "timestamp",
    "datetime",
    "date_time",
    "time",
    "ts",
    "timestamp_ns",
    "timestamp_us",
    "timestamp_ms",
    "ts_event",
    "transact_time",
    "transaction_time",
    "event_time",
    "open_time",
    "unix",
    "unix_time",
    "unixtime",
    "epoch",
    "gmt_time",
    "utc_time",
    "time_utc",
    "time_(utc)",
    "timestamp_(utc)",
    "timestamp_utc",
    "local_time",
    "last_changed",
    "last_updated",
    "recorded_at",
    "received_at",
    "created_at",
    "local_timestamp",
    "date",
    "close_time",
];

/// What the topic of a row is named after.
const NAMES: &[&str] = &[
    "topic",
    "sensor",
    "sensor_id",
    "sensor_name",
    "device",
    "device_id",
    "entity_id",
    "entity",
    "symbol",
    "ticker",
    "instrument",
    "instrument_id",
    "pair",
    "product_id",
    "product",
    "market",
    "tag",
    "tag_name",
    "channel",
    "series",
    "variable",
    "metric",
    "field",
    "station",
    "station_id",
    "name",
    "location",
    "room",
];

/// Numbers of rows and the like: never a value.
const COUNTERS: &[&str] = &[
    "",
    "index",
    "no",
    "row",
    "id",
    "seq",
    "trade_id",
    "tradeid",
    "agg_trade_id",
    "first_trade_id",
    "last_trade_id",
    "is_best_match",
    "lost_before",
];

const VALUES: &[&str] = &["value", "val", "v", "reading"];
const CELLS: &[&str] = &["state", "payload", "text", "message"];
const PRICES: &[&str] = &["price", "trade_price", "last_price"];
const SIZES: &[&str] = &[
    "size",
    "quantity",
    "qty",
    "amount",
    "volume",
    "vol",
    "trade_size",
    "last_size",
    "base_qty",
];
const SIDES: &[&str] = &["side", "taker_side", "aggressor_side"];
const MAKERS: &[&str] = &["buyer_maker", "is_buyer_maker", "isbuyermaker"];
const BIDS: &[&str] = &["bid", "bid_price", "bidprice", "best_bid", "best_bid_price"];
const ASKS: &[&str] = &[
    "ask",
    "ask_price",
    "askprice",
    "best_ask",
    "best_ask_price",
    "offer",
];
const BID_SIZES: &[&str] = &[
    "bid_size",
    "bidsize",
    "bid_qty",
    "bid_quantity",
    "bid_amount",
    "bid_volume",
    "bidvolume",
    "best_bid_qty",
    "best_bid_size",
];
const ASK_SIZES: &[&str] = &[
    "ask_size",
    "asksize",
    "ask_qty",
    "ask_quantity",
    "ask_amount",
    "ask_volume",
    "askvolume",
    "best_ask_qty",
    "best_ask_size",
];
const UNITS: &[&str] = &["unit", "unit_of_measurement"];

/// The columns of bars, and the level of each in its topic.
const BARS: [(&str, &str); 9] = [
    ("open", "open"),
    ("high", "high"),
    ("low", "low"),
    ("close", "close"),
    ("adj_close", "adj_close"),
    ("adjclose", "adj_close"),
    ("volume", "volume"),
    ("vol", "volume"),
    ("vwap", "vwap"),
];

/// What is known, for an error.
pub(super) const KNOWN: &str = "a time (timestamp, datetime, time, ts, date, also date and time in \
    two columns), and value, or price and size (quantity, qty, amount, volume) with side or \
    buyer_maker, or bid and ask, or any columns of values such as open, high, low, close and \
    volume, each of which becomes a topic";

/// The headings of a file, as they are compared.
pub(super) struct Headings(Vec<String>);

impl Headings {
    pub(super) fn new(first: &csv::StringRecord) -> Self {
        Self(first.iter().map(normal).collect())
    }

    /// The columns that the headings name. `row` is the first row below them. `None` if there is no
    /// column for the time.
    pub(super) fn columns(
        &self,
        first: &csv::StringRecord,
        row: Option<&csv::StringRecord>,
        prefix: Option<&str>,
    ) -> Option<Result<Columns<usize>, String>> {
        let (date, time) = self.time(row)?;
        let topic = self.find(NAMES).map(|column| TopicTemplate {
            pieces: match (self.0[column] == "topic", prefix) {
                (true, None) => vec![Piece::Levels(column)],
                (true, Some(prefix)) => {
                    vec![Piece::Text(format!("{prefix}/")), Piece::Levels(column)]
                }
                (false, _) => vec![
                    Piece::Text(format!("{}/", prefix.unwrap_or_default())),
                    Piece::Level(column),
                ],
            },
        });
        let mut columns = Columns {
            date,
            time,
            unit: self.find(UNITS),
            topic,
            shape: RowShape::Rest,
        };
        match self.shape(first, &columns) {
            Some(shape) => columns.shape = shape,
            None => return Some(Err("the heading names no column of values".into())),
        }
        Some(Ok(columns))
    }

    /// The columns of the date, if it has one of its own, and of the time.
    fn time(&self, row: Option<&csv::StringRecord>) -> Option<(Option<usize>, usize)> {
        let cell = |column: usize| row.and_then(|row| row.get(column)).unwrap_or_default();
        if let (Some(date), Some(time)) = (self.find(&["date"]), self.find(&["time"])) {
            let mut joined = String::new();
            join(cell(date).trim(), cell(time).trim(), &mut joined);
            if Civil::parse(&joined).is_some() {
                return Some((Some(date), time));
            }
        }
        if let Some(time) = self.find(TIMES) {
            return Some((None, time));
        }
        // A data frame whose index has no name.
        let is_index = self
            .0
            .first()
            .is_some_and(|name| ["", "index"].contains(&name.as_str()));
        (is_index && Civil::parse(cell(0)).is_some()).then_some((None, 0))
    }

    fn shape(
        &self,
        first: &csv::StringRecord,
        columns: &Columns<usize>,
    ) -> Option<RowShape<usize>> {
        let is_bar = |name: &str| self.find(&[name]).is_some();
        let are_bars = ["open", "high", "low", "close"].into_iter().all(is_bar);
        if are_bars {
            return self.rest(first, columns);
        }
        if let (Some(price), Some(size)) = (self.find(PRICES), self.find(SIZES)) {
            let side = self.find(SIDES).map(SideColumn::Side);
            let maker = self.find(MAKERS).map(SideColumn::BuyerMaker);
            let side = side.or(maker);
            return Some(RowShape::Trade { price, size, side });
        }
        if let (Some(bid), Some(ask)) = (self.find(BIDS), self.find(ASKS)) {
            return Some(RowShape::Quote {
                bid,
                ask,
                bid_size: self.find(BID_SIZES),
                ask_size: self.find(ASK_SIZES),
            });
        }
        if let Some(value) = self.find(VALUES) {
            // Rows of several topics may be numbers and texts.
            return Some(match columns.topic {
                None => RowShape::Reading(value),
                Some(_) => RowShape::Cells(vec![single(value)]),
            });
        }
        if let Some(cell) = self.find(CELLS) {
            return Some(RowShape::Cells(vec![single(cell)]));
        }
        self.rest(first, columns)
    }

    /// All columns that have no other meaning.
    fn rest(&self, first: &csv::StringRecord, columns: &Columns<usize>) -> Option<RowShape<usize>> {
        let is_value = |column: &usize| {
            let name = self.0[*column].as_str();
            let is_listed = TIMES.contains(&name) || COUNTERS.contains(&name);
            !columns.uses(*column) && !is_listed && !name.starts_with("unnamed:")
        };
        let mut cells: Vec<_> = (0..self.0.len())
            .filter(is_value)
            .map(|column| named_cell(first, column))
            .collect();
        match cells.as_mut_slice() {
            [] => return None,
            [only] => only.level = None,
            cells => {
                for cell in cells {
                    let mut bars = BARS.iter();
                    if let Some((_, level)) = bars.find(|(name, _)| *name == self.0[cell.column]) {
                        cell.level = Some((*level).to_owned());
                    }
                }
            }
        }
        Some(RowShape::Cells(cells))
    }

    /// The column that has the first of these names.
    fn find(&self, names: &[&str]) -> Option<usize> {
        let of = |name: &&str| self.0.iter().position(|heading| heading == name);
        names.iter().find_map(of)
    }
}

fn single(column: usize) -> Cell<usize> {
    let level = None;
    Cell { column, level }
}

/// Whether no cell is a number or a time, so that the line can only be a heading.
pub(super) fn is_heading(first: &csv::StringRecord) -> bool {
    let is_data = |cell: &str| looks_like_number(cell.trim()) || Civil::parse(cell).is_some();
    !first.iter().any(is_data)
}

/// A heading in small letters, with `_` between words and without the brackets of some programs.
fn normal(heading: &str) -> String {
    let heading = heading.trim().trim_matches(['<', '>']).to_lowercase();
    let name: String = heading
        .chars()
        .map(|character| match character {
            ' ' | '-' | '.' | '/' => '_',
            other => other,
        })
        .collect();
    let name = name.trim_matches('_');
    match name.strip_prefix("unnamed:") {
        Some(number) if number.trim_start_matches('_') == "0" => "index".to_owned(),
        _ => name.to_owned(),
    }
}
