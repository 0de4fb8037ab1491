//! `/v1/slow`: the clients with the largest lag, as JSON or as a table.

use std::{fmt::Write, time::Duration};

use hyper::StatusCode;
use serde::Serialize;
use tickcast_protocol::message::Mode;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    answer::{Answer, text, typed},
    operator_questions::{Question, SlowQuestion, SlowRow},
    request::query,
};

/// Maximum time for a shard to answer. Its thread answers between two rounds, within milliseconds.
const SHARD_TIMEOUT: Duration = Duration::from_secs(1);

/// Number of slow clients in an answer, unless `limit` sets another.
const SLOW_DEFAULT: usize = 20;

/// Maximum number of slow clients in an answer.
const SLOW_MAX: usize = 1_000;

#[derive(Debug, Serialize)]
struct SlowAnswer {
    clients: Vec<SlowRow>,
    /// Shards that did not answer in time.
    silent_shards: Vec<usize>,
}

/// Answers a request whose query says this; see [`parse`].
pub(super) async fn answer(
    shards: &[mpsc::Sender<Question>],
    (limit, is_text): (usize, bool),
) -> Answer {
    let answer = ask(shards, limit).await;
    if is_text {
        return text(StatusCode::OK, table(&answer));
    }
    match serde_json::to_vec(&answer) {
        Ok(body) => typed(StatusCode::OK, "application/json", body),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// Asks all shards at once.
async fn ask(shards: &[mpsc::Sender<Question>], limit: usize) -> SlowAnswer {
    let pending: Vec<_> = shards
        .iter()
        .map(|shard| {
            let (answer, answered) = oneshot::channel();
            // A shard that does not accept the question will not answer it.
            let _ = shard.try_send(Question::Slow(SlowQuestion { limit, answer }));
            answered
        })
        .collect();
    let mut answer = SlowAnswer {
        clients: Vec::new(),
        silent_shards: Vec::new(),
    };
    for (shard, answered) in pending.into_iter().enumerate() {
        match timeout(SHARD_TIMEOUT, answered).await {
            Ok(Ok(rows)) => answer.clients.extend(rows),
            _ => answer.silent_shards.push(shard),
        }
    }
    let lag = |row: &SlowRow| {
        let lag = row.slow.slowest.as_ref().map_or(0, |s| s.lag_updates);
        (lag, row.slow.unsent_bytes)
    };
    answer
        .clients
        .sort_by_key(|row| std::cmp::Reverse(lag(row)));
    answer.clients.truncate(limit);
    answer
}

/// Parses `limit=` and `format=`. Returns the limit, and whether the answer is text. An error is a
/// message for the client.
pub(super) fn parse(query: &str) -> Result<(usize, bool), String> {
    let [limit, format] = query::split(query, ["limit", "format"])?;
    let limit = match limit.map(query::text).transpose()? {
        None => SLOW_DEFAULT,
        Some(text) => {
            let number = text.parse::<usize>();
            number.map_err(|_| format!("limit {text:?}: not a number"))?
        }
    };
    let is_text = match format.map(query::text).transpose()?.as_deref() {
        None | Some("json") => false,
        Some("text") => true,
        Some(other) => return Err(format!("format {other:?}: use json or text")),
    };
    Ok((limit.min(SLOW_MAX), is_text))
}

/// The answer as a table, the widest column last.
fn table(answer: &SlowAnswer) -> String {
    let mut out = format!(
        "{:<24} {:>5} {:>20} {:>8} {:>12} {:>9} {:>12} {:>10} {:>11} {:>8} {:>14}  {}\n",
        "client",
        "shard",
        "connection",
        "channel",
        "lag",
        "lag ms",
        "unsent",
        "blocked ms",
        "link B/s",
        "sent ms",
        "mode",
        "filter",
    );
    for SlowRow { client, slow } in &answer.clients {
        let slowest = slow.slowest.as_ref();
        let mode = slowest.map_or(String::new(), |s| match (s.mode, s.max_rate_hz) {
            (Mode::Every, _) => "every".to_owned(),
            (Mode::Latest, None) => "latest".to_owned(),
            (Mode::Latest, Some(rate)) => format!("latest {rate:.3}/s"),
        });
        let channel = slowest.map_or(String::new(), |s| s.channel.to_string());
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "{client:<24} {:>5} {:>20} {channel:>8} {:>12} {:>9} {:>12} {:>10} {:>11} {:>8} \
             {mode:>14}  {}",
            slow.shard,
            slow.connection,
            slowest.map_or(0, |s| s.lag_updates),
            slowest.map_or(0, |s| s.lag_ms),
            slow.unsent_bytes,
            slow.blocked_ms,
            known(slow.link_bytes_per_s),
            known(slow.sent_oldest_ms),
            slowest.map_or("", |s| &s.filter),
        );
    }
    for shard in &answer.silent_shards {
        let _ = writeln!(out, "shard {shard} does not answer");
    }
    out
}

fn known(number: Option<u64>) -> String {
    number.map_or("-".to_owned(), |number| number.to_string())
}
