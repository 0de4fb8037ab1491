//! A publisher that waits for acknowledgements and slows down when the server asks for it.
//!
//! It reads lines `TOPIC VALUE` from standard input. A value is a number or else a text. Each line
//! is sent, and acknowledged before the next one is read, so what the program has counted as
//! published is on the tape.
//!
//! ```text
//! printf 'lab/scale 0.25\nlab/note tare\n' |
//!     cargo run -p tickcast-protocol --features client --example publish -- ws://127.0.0.1:7400/ws
//! ```
//!
//! The server must allow it. By default it allows clients on its own machine to publish to all
//! topics (`--publish-from`, `--publish-allow`).

#![allow(clippy::print_stderr, reason = "a command-line program")]

use std::{
    error::Error,
    io,
    process::ExitCode,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tickcast_protocol::{
    backoff::{Backoff, BackoffPolicy, Jitter},
    client::{Client, ClientHandle, ClientOptions, ConnectOptions, Event, Unpublished},
    codec::Encoding,
    message::{Position, Publication, RequestId},
    topic::Topic,
    value::Value,
};
use tokio::sync::mpsc;

/// Waits between attempts to publish a line that was refused temporarily. Half of each wait is
/// random, so that publishers that were slowed down together do not come back together.
const RETRY: BackoffPolicy = BackoffPolicy {
    first_bound: Duration::from_millis(100),
    max_bound: Duration::from_secs(5),
    reset_after: Duration::ZERO,
    jitter: Jitter::Equal,
};

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
    let url = std::env::args()
        .nth(1)
        .ok_or("usage: publish ws://HOST:PORT/ws < LINES")?;
    // Reading standard input blocks, so it has a thread of its own. One line waits at most.
    let (sender, lines) = mpsc::channel(1);
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            for line in io::stdin().lines() {
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
        })?;
    let published = run(&url, lines).await?;
    eprintln!("{published} updates published");
    Ok(())
}

/// Publishes all lines. Returns their number.
pub(crate) async fn run(
    url: &str,
    mut lines: mpsc::Receiver<io::Result<String>>,
) -> Result<u64, Box<dyn Error>> {
    let connect = ConnectOptions::new(url, Encoding::Bincode);
    let (mut client, handle) = Client::new(ClientOptions::new(connect));
    // Nothing is sent without a connection.
    while !matches!(next(&mut client).await?, Event::Connected(_)) {}
    let mut published = 0;
    loop {
        // The client works only inside `next`: it must be called while there is no line as well, or
        // pings stay unanswered.
        let line = tokio::select! {
            line = lines.recv() => line,
            event = next(&mut client) => {
                event?;
                continue;
            }
        };
        let Some(line) = line else {
            break;
        };
        let line = line?;
        if !line.trim().is_empty() {
            publish(&mut client, &handle, parse(&line)?).await?;
            published += 1;
        }
    }
    handle.close()?;
    while !matches!(client.next().await, Event::Disconnected(_)) {}
    Ok(published)
}

/// Publishes one update and waits until it is on the tape. Returns its position.
async fn publish(
    client: &mut Client,
    handle: &ClientHandle,
    update: Publication,
) -> Result<Position, Box<dyn Error>> {
    let mut backoff = Backoff::new(RETRY);
    loop {
        let id = handle.publish(vec![update.clone()])?;
        let why = match outcome(client, id).await? {
            Ok(position) => return Ok(position),
            Err(why) => why,
        };
        let wait = match why {
            // The server asks for less. It may say how long to wait at least.
            Unpublished::Refused(error) if error.temporary => {
                let at_least = error.retry_after_ms.unwrap_or(0);
                eprintln!("the server asks to slow down: {}", error.reason);
                Duration::from_millis(at_least.into()) + backoff.next_wait(rand::random())
            }
            // The client reconnects by itself.
            Unpublished::NotConnected => backoff.next_wait(rand::random()),
            // The update may be on the tape. Sending it again may put it there twice: right for a
            // measurement, whose time says what it is, and wrong for an order.
            Unpublished::Unknown => {
                eprintln!(
                    "{}: the connection was lost before the answer",
                    update.topic
                );
                backoff.next_wait(rand::random())
            }
            Unpublished::Refused(error) => {
                let code = error.code;
                return Err(format!("{}: {code}: {}", update.topic, error.reason).into());
            }
            Unpublished::TooLong { bytes, limit } => {
                let topic = &update.topic;
                return Err(
                    format!("{topic}: the message has {bytes} bytes (limit {limit})").into(),
                );
            }
        };
        let until = tokio::time::Instant::now() + wait;
        while let Ok(event) = tokio::time::timeout_at(until, next(client)).await {
            event?;
        }
    }
}

/// The outcome of a request to publish. Each has exactly one.
async fn outcome(
    client: &mut Client,
    id: RequestId,
) -> Result<Result<Position, Unpublished>, Box<dyn Error>> {
    loop {
        match next(client).await? {
            Event::Published(published) if published.id == id => return Ok(Ok(published.position)),
            Event::Unpublished { id: of, why } if of == id => return Ok(Err(why)),
            _ => {}
        }
    }
}

/// The next event, or the reason for which the client has ended.
async fn next(client: &mut Client) -> Result<Event, Box<dyn Error>> {
    match client.next().await {
        Event::Disconnected(end) if end.retry_in.is_none() => Err(end.why.into()),
        Event::Disconnected(end) => {
            eprintln!("{}, next attempt in {:.1?}", end.why, end.retry_in);
            Ok(Event::Disconnected(end))
        }
        event => Ok(event),
    }
}

/// A line `TOPIC VALUE`.
fn parse(line: &str) -> Result<Publication, String> {
    let (topic, value) = line
        .trim()
        .split_once(' ')
        .ok_or_else(|| format!("line {line:?}: the value is missing, expected \"TOPIC VALUE\""))?;
    // The server checks it as well. Here the line is still known.
    let topic = Topic::new(topic).map_err(|error| format!("topic {topic:?}: {error}"))?;
    let value = match value.parse() {
        Ok(number) => Value::Reading(number),
        Err(_) => Value::Text(value.to_owned()),
    };
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(Publication {
        topic: topic.as_str().to_owned(),
        value,
        source_time_ns: since_1970
            .ok()
            .and_then(|since| i64::try_from(since.as_nanos()).ok()),
    })
}
