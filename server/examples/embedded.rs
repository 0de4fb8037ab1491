//! A program with a server inside: it publishes its own numbers, and every browser on this machine
//! can watch them.
//!
//! ```text
//! cargo run -p tickcast-server --example embedded
//! ```
//!
//! Then open the address that it prints. The program publishes through a client of its own, as
//! another process would: updates take the same way, and the acknowledgement says that one is on
//! the tape. Ctrl+C ends it in order.

#![allow(clippy::print_stdout, reason = "a command-line program")]

use std::{error::Error, time::Duration};

use tickcast_protocol::{
    client::{Client, ClientHandle, ClientOptions, ConnectOptions, Event, HandleError},
    codec::Encoding,
    message::{Publication, RequestId},
    value::Value,
};
use tickcast_server::{
    Server,
    config::{self, Command, Settings},
};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// The topic that the program publishes to, once a second.
const TOPIC: &str = "program/uptime_s";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::start(settings("127.0.0.1:7400")?)?;
    println!(
        "open http://{}/ in a browser; Ctrl+C ends",
        server.address()
    );
    tokio::select! {
        result = publish(&server, u64::MAX) => result?,
        _ = tokio::signal::ctrl_c() => {}
    }
    // Clients are told to reconnect, and get everything that is on the tape first.
    tokio::task::spawn_blocking(|| server.shutdown()).await?;
    Ok(())
}

/// Settings of a server without feeds, read as the program `tickcast-server` reads its flags.
pub(crate) fn settings(listen: &str) -> Result<Settings, Box<dyn Error>> {
    let flags = [
        "embedded", "--feed", "none", "--shards", "1", "--listen", listen,
    ];
    match config::load(flags.map(Into::into), [])? {
        Command::Run(settings) => Ok(*settings),
        Command::Print(text) => Err(text.into()),
    }
}

/// Publishes `count` updates, one a second, each after the acknowledgement of the one before.
pub(crate) async fn publish(server: &Server, count: u64) -> Result<(), Box<dyn Error>> {
    let url = format!("ws://{}/ws", server.address());
    let connect = ConnectOptions::new(url, Encoding::Bincode);
    let (mut client, handle) = Client::new(ClientOptions::new(connect));
    let start = Instant::now();
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut waits_for = None;
    let mut published = 0;
    while published < count {
        tokio::select! {
            // The client works only inside `next`: it must always be called.
            event = client.next() => match event {
                Event::Published(answer) if Some(answer.id) == waits_for => {
                    waits_for = None;
                    published += 1;
                }
                // For instance while there is no connection: the next second has a new value.
                Event::Unpublished { id, .. } if Some(id) == waits_for => waits_for = None,
                Event::Disconnected(end) if end.retry_in.is_none() => {
                    return Err(end.why.to_string().into());
                }
                _ => {}
            },
            now = seconds.tick(), if waits_for.is_none() => {
                waits_for = Some(send(&handle, (now - start).as_secs_f64())?);
            }
        }
    }
    Ok(())
}

/// Sends an update. The answer comes as an event.
fn send(handle: &ClientHandle, value: f64) -> Result<RequestId, HandleError> {
    let publication = Publication {
        topic: TOPIC.to_owned(),
        value: Value::Reading(value),
        source_time_ns: None,
    };
    handle.publish(vec![publication])
}
