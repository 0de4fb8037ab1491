//! CSV (RFC 4180).

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use tickcast_protocol::{
    decimal::Decimal,
    message::{Quality, TimeNs, Update},
    topic::Topic,
    value::{Side, Value},
};

/// Bytes that the writer of one row has as a buffer: longer rows are written in parts.
const BUFFER_BYTES: usize = 256;

/// The columns. A kind of value fills its own.
const COLUMNS: [&str; 17] = [
    "time",
    "topic",
    "reading",
    "unit",
    "price",
    "size",
    "side",
    "bid",
    "ask",
    "bid_size",
    "ask_size",
    "text",
    "bytes_base64",
    "absent",
    "quality",
    "source_time",
    "seq",
];

/// Appends the heading.
pub(super) fn heading(out: &mut Vec<u8>) {
    record(&COLUMNS.map(str::to_owned), out);
}

/// Appends an update. Times are in UTC to the nanosecond (RFC 3339).
pub(super) fn row(update: &Update<Topic>, unit: Option<&str>, out: &mut Vec<u8>) {
    let mut cells = [const { String::new() }; COLUMNS.len()];
    let mut set = |column: &str, text: String| {
        if let Some(at) = COLUMNS.iter().position(|name| *name == column) {
            cells[at] = text;
        }
    };
    set("time", time(update.ingest_time_ns));
    set("topic", update.topic.to_string());
    let quality = match update.quality {
        Quality::Live => "live",
        Quality::Retained => "retained",
        Quality::Stale => "stale",
        Quality::Historical => "historical",
    };
    set("quality", quality.to_owned());
    set("seq", update.seq.to_string());
    if let Some(source_time_ns) = update.source_time_ns {
        set("source_time", time(source_time_ns));
    }
    match &update.value {
        Value::Reading(reading) => {
            set("reading", reading.to_string());
            set("unit", unit.unwrap_or_default().to_owned());
        }
        Value::Trade(trade) => {
            set("price", trade.price.to_string());
            set("size", trade.size.to_string());
            let side = trade.side.map(|side| match side {
                Side::Buy => "buy",
                Side::Sell => "sell",
            });
            set("side", side.unwrap_or_default().to_owned());
        }
        Value::Quote(quote) => {
            let mut set = |column, part: Option<Decimal>| {
                set(
                    column,
                    part.map(|part| part.to_string()).unwrap_or_default(),
                );
            };
            set("bid", quote.bid);
            set("ask", quote.ask);
            set("bid_size", quote.bid_size);
            set("ask_size", quote.ask_size);
        }
        Value::Text(text) => set("text", text.clone()),
        Value::Bytes(bytes) => set("bytes_base64", BASE64_STANDARD.encode(bytes)),
        Value::Absent(word) => set("absent", word.clone()),
    }
    record(&cells, out);
}

fn time(ns: TimeNs) -> String {
    Timestamp::from_nanosecond(i128::from(ns))
        .map_or_else(|_| ns.to_string(), |time| time.to_string())
}

fn record(cells: &[String; COLUMNS.len()], out: &mut Vec<u8>) {
    let mut builder = csv::WriterBuilder::new();
    let mut writer = builder.buffer_capacity(BUFFER_BYTES).from_writer(out);
    // A vector takes everything, and all records have the same length.
    let _ = writer.write_record(cells);
    let _ = writer.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_cells_of_its_kind_and_exact_decimals() {
        let value = r#"{"trade":{"price":"39432.480","size":"1e-3","side":"buy"}}"#;
        let update = Update {
            topic: Topic::new("market/a,b").unwrap(),
            position: 9,
            seq: 4,
            source_time_ns: Some(1),
            ingest_time_ns: 1_767_268_800_000_000_001,
            quality: Quality::Live,
            value: serde_json::from_str(&value.replace("1e-3", "0.0010")).unwrap(),
        };
        let mut out = Vec::new();
        heading(&mut out);
        row(&update, None, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "time,topic,reading,unit,price,size,side,bid,ask,bid_size,ask_size,text,bytes_base64,\
             absent,quality,source_time,seq\n2026-01-01T12:00:00.000000001Z,\"market/a,b\",,,\
             39432.480,0.0010,buy,,,,,,,,live,1970-01-01T00:00:00.000000001Z,4\n"
        );
    }
}
