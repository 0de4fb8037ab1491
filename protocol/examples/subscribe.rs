//! A subscriber that survives everything.
//!
//! It subscribes to filters in mode `every` and prints each update. When the connection is lost it
//! reconnects and resumes where it was. It proves that nothing is missing: the updates that it
//! prints plus the lost ones that it reports are all updates since the start.
//!
//! ```text
//! cargo run -p tickcast-protocol --features client --example subscribe -- \
//!     ws://127.0.0.1:7400/ws 'market/#' 'home/+/temperature'
//! ```
//!
//! Updates go to standard output, everything else to standard error. Ctrl-C ends it.

#![allow(clippy::print_stderr, reason = "a command-line program")]

use std::{
    collections::HashMap,
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use tickcast_protocol::{
    client::{Client, ClientBatch, ClientOptions, ConnectOptions, Event, Why},
    codec::Encoding,
    message::{Mode, Start},
    topic::Filter,
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
    let mut arguments = std::env::args().skip(1);
    let url = arguments
        .next()
        .ok_or("usage: subscribe ws://HOST:PORT/ws [FILTER...]")?;
    let mut filters = arguments
        .map(|text| Filter::new(&text).map_err(|error| format!("filter {text:?}: {error}")))
        .collect::<Result<Vec<_>, _>>()?;
    if filters.is_empty() {
        filters.push(Filter::all());
    }
    run(&url, filters, &mut io::stdout().lock()).await
}

/// Prints the updates of `filters` to `out` until Ctrl-C, or until the client ends for another
/// reason.
pub(crate) async fn run(
    url: &str,
    filters: Vec<Filter>,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let connect = ConnectOptions::new(url, Encoding::Bincode);
    let (mut client, handle) = Client::new(ClientOptions::new(connect));
    // Commands may be given before there is a connection.
    handle.subscribe(filters, Mode::Every, None)?;

    let ctrl_c = tokio::signal::ctrl_c();
    tokio::pin!(ctrl_c);
    let mut is_closing = false;
    let mut proofs: HashMap<Filter, Proof> = HashMap::new();
    loop {
        // The next call of `next` confirms that this event was handled. Only then does the position
        // move from which the client resumes after a lost connection.
        let event = tokio::select! {
            event = client.next() => event,
            _ = &mut ctrl_c, if !is_closing => {
                is_closing = true;
                handle.close()?;
                continue;
            }
        };
        match event {
            Event::Connecting { attempt } => eprintln!("connecting to {url}, attempt {attempt}"),
            Event::Connected(welcome) => {
                eprintln!("connected to {}, epoch {}", welcome.server, welcome.epoch);
            }
            // A resumed subscription continues with the numbers that it has.
            Event::Accepted { filter, accepted } => {
                if accepted.start == Start::Resumed {
                    eprintln!("{filter}: resumed");
                } else {
                    eprintln!("{filter}: subscribed");
                    proofs.insert(filter, Proof::default());
                }
            }
            // The snapshot holds values from before the start: they are shown, but not counted.
            Event::Batch(batch) => {
                print(&batch, out)?;
                if !batch.snapshot {
                    let proof = proofs.entry(batch.filter).or_default();
                    proof.received += batch.updates.len() as u64;
                }
            }
            Event::Gap { filter, lost, .. } => {
                let proof = proofs.entry(filter.clone()).or_default();
                match lost {
                    Some(lost) => proof.lost += lost,
                    None => proof.is_exact = false,
                }
                eprintln!("{filter}: gap, lost {lost:?} updates");
            }
            Event::Status { statuses, .. } => {
                for status in statuses {
                    eprintln!("{} is {:?}", status.topic, status.status);
                }
            }
            // The server was restarted or replaced: there is nothing to resume. What happened in
            // between is unknown, and `Event::Accepted` follows.
            Event::Reset { filter, start, .. } => {
                report(&filter, proofs.remove(&filter));
                eprintln!("{filter}: starts anew ({start:?})");
            }
            // The client repairs this by itself. It is worth a line because it should never happen.
            Event::ChainBroken { filter, error } => eprintln!("{filter}: {error}, resuming"),
            Event::Refused {
                filter,
                code,
                reason,
            } => return Err(format!("{filter}: {code}: {reason}").into()),
            Event::Disconnected(end) => match end.retry_in {
                Some(wait) => eprintln!("{}, next attempt in {wait:.1?}", end.why),
                None => {
                    proofs
                        .drain()
                        .for_each(|(filter, proof)| report(&filter, Some(proof)));
                    return match end.why {
                        Why::ByCaller => Ok(()),
                        why => Err(why.into()),
                    };
                }
            },
            _ => {}
        }
    }
}

/// What one subscription has accounted for since its start.
struct Proof {
    received: u64,
    lost: u64,
    /// Whether each gap came with a number.
    is_exact: bool,
}

impl Default for Proof {
    fn default() -> Self {
        Self {
            received: 0,
            lost: 0,
            is_exact: true,
        }
    }
}

fn report(filter: &Filter, proof: Option<Proof>) {
    if let Some(Proof {
        received,
        lost,
        is_exact,
    }) = proof
    {
        let at_least = if is_exact { "" } else { "at least " };
        eprintln!("{filter}: {received} updates received, {at_least}{lost} lost");
    }
}

/// One line per update. Units come once, with the introduction of a topic; a program that needs
/// them keeps them.
fn print(batch: &ClientBatch, out: &mut impl Write) -> io::Result<()> {
    for update in &batch.updates {
        writeln!(
            out,
            "{} {} {} {:?}",
            update.position, update.topic, update.seq, update.value
        )?;
    }
    out.flush()
}
