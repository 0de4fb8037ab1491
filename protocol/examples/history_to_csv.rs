//! The history of one topic as CSV, oldest update first.
//!
//! The server answers in pages, newest page first. The program asks for pages until there are no
//! older ones, and then writes them in the order of time. Decimals are written with the digits that
//! the source sent.
//!
//! ```text
//! cargo run -p tickcast-protocol --features client --example history_to_csv -- \
//!     ws://127.0.0.1:7400/ws market/BTC-USDT/trade > trades.csv
//! ```

#![allow(clippy::print_stderr, reason = "a command-line program")]

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use tickcast_protocol::{
    client::{Client, ClientOptions, ConnectOptions, Event, NoAnswer},
    codec::Encoding,
    message::{Epoch, History, Quality, RequestId, Update},
    topic::Topic,
    value::{Side, Value},
};

/// Updates per page. The server may send fewer.
const PAGE_UPDATES: u32 = 1_000;

/// How long to wait after a temporary refusal, if the server does not say.
const RETRY_AFTER_MS: u32 = 1_000;

const COLUMNS: [&str; 16] = [
    "position",
    "seq",
    "ingest_time_ns",
    "source_time_ns",
    "quality",
    "reading",
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
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match start().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn start() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(topic), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: history_to_csv ws://HOST:PORT/ws TOPIC".into());
    };
    let topic = Topic::new(&topic).map_err(|error| format!("topic {topic:?}: {error}"))?;
    run(&url, &topic, &mut io::stdout().lock()).await
}

/// Writes the history of `topic` to `out`.
pub(crate) async fn run(
    url: &str,
    topic: &Topic,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let connect = ConnectOptions::new(url, Encoding::Bincode);
    let (mut client, handle) = Client::new(ClientOptions::new(connect));
    let mut epoch = connected(&mut client).await?;
    let mut pages = vec![];
    loop {
        let oldest: Option<&Update<Topic>> = pages.last().and_then(|page: &Vec<_>| page.first());
        let before = oldest.map(|update| update.position);
        let id = handle.history(topic, Some(PAGE_UPDATES), before)?;
        match answer(&mut client, id).await? {
            Ok(page) => {
                let is_last = !page.more || page.updates.is_empty();
                pages.push(page.updates);
                if is_last {
                    break;
                }
            }
            Err(NoAnswer::Refused(error)) if error.temporary => {
                let wait = error.retry_after_ms.unwrap_or(RETRY_AFTER_MS);
                tokio::time::sleep(Duration::from_millis(wait.into())).await;
            }
            Err(NoAnswer::Refused(error)) => {
                return Err(format!("{topic}: {}: {}", error.code, error.reason).into());
            }
            // The connection was lost: ask for the same page again. Positions mean something else
            // in another epoch, so then start from the newest page.
            Err(NoAnswer::NotConnected) => {
                let now = connected(&mut client).await?;
                if now != epoch {
                    epoch = now;
                    pages.clear();
                }
            }
        }
    }
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(COLUMNS)?;
    for update in pages.into_iter().rev().flatten() {
        csv.write_record(record(update))?;
    }
    csv.flush()?;
    Ok(())
}

/// Waits for a connection. Returns the server's epoch.
async fn connected(client: &mut Client) -> Result<Epoch, Box<dyn Error>> {
    loop {
        if let Event::Connected(welcome) = next(client).await? {
            return Ok(welcome.epoch);
        }
    }
}

/// The outcome of a request for history. Each has exactly one.
async fn answer(
    client: &mut Client,
    id: RequestId,
) -> Result<Result<History<Topic>, NoAnswer>, Box<dyn Error>> {
    loop {
        match next(client).await? {
            Event::History(page) if page.id == id => return Ok(Ok(page)),
            Event::NoHistory { id: of, why } if of == id => return Ok(Err(why)),
            _ => {}
        }
    }
}

/// The next event, or the reason for which the client has ended.
async fn next(client: &mut Client) -> Result<Event, Box<dyn Error>> {
    match client.next().await {
        Event::Disconnected(end) if end.retry_in.is_none() => Err(end.why.into()),
        event => Ok(event),
    }
}

/// One row. A field that the update does not have is empty.
fn record(update: Update<Topic>) -> [String; COLUMNS.len()] {
    let mut row = [const { String::new() }; COLUMNS.len()];
    let mut set = |column: &str, text: String| {
        if let Some(at) = COLUMNS.iter().position(|name| *name == column) {
            row[at] = text;
        }
    };
    set("position", update.position.to_string());
    set("seq", update.seq.to_string());
    set("ingest_time_ns", update.ingest_time_ns.to_string());
    if let Some(time) = update.source_time_ns {
        set("source_time_ns", time.to_string());
    }
    set(
        "quality",
        match update.quality {
            Quality::Live => "live".to_owned(),
            Quality::Retained => "retained".to_owned(),
            Quality::Stale => "stale".to_owned(),
            Quality::Historical => "historical".to_owned(),
        },
    );
    match update.value {
        Value::Reading(value) => set("reading", value.to_string()),
        Value::Trade(trade) => {
            set("price", trade.price.to_string());
            set("size", trade.size.to_string());
            if let Some(side) = trade.side {
                let side = match side {
                    Side::Buy => "buy",
                    Side::Sell => "sell",
                };
                set("side", side.to_owned());
            }
        }
        Value::Quote(quote) => {
            let parts = [
                ("bid", quote.bid),
                ("ask", quote.ask),
                ("bid_size", quote.bid_size),
                ("ask_size", quote.ask_size),
            ];
            for (column, part) in parts {
                if let Some(part) = part {
                    set(column, part.to_string());
                }
            }
        }
        Value::Text(text) => set("text", text),
        Value::Bytes(bytes) => set("bytes_base64", BASE64_STANDARD.encode(bytes)),
        Value::Absent(word) => set("absent", word),
    }
    row
}
