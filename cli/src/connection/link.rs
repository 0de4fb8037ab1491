//! The WebSocket client, for programs that end when it fails.

use std::time::Duration;

use tickcast_protocol::{
    client::{Client, ClientHandle, Disconnected, Event},
    message::Welcome,
};
use tokio::time::timeout;

use super::options::ConnectionArgs;
use crate::{exit::Failure, words::say};

/// A client that has been connected.
pub(crate) struct Link {
    client: Client,
    handle: ClientHandle,
    welcome: Welcome,
    timeout: Duration,
}

impl Link {
    /// Connects, with one attempt for each URL: a command whose servers are not there ends.
    pub(crate) async fn open(args: &ConnectionArgs) -> Result<Self, Failure> {
        let servers = args.servers()?;
        let mut attempts = servers.len();
        let (mut client, handle) = Client::new(args.client()?);
        loop {
            match client.next().await {
                Event::Connected(welcome) => {
                    return Ok(Self {
                        client,
                        handle,
                        welcome,
                        timeout: args.timeout,
                    });
                }
                Event::Disconnected(Disconnected { why, retry_in }) => {
                    attempts = attempts.saturating_sub(1);
                    if attempts == 0 || retry_in.is_none() {
                        let names: Vec<_> = servers.iter().map(ToString::to_string).collect();
                        let names = names.join(", ");
                        return Err(Failure::NotConnected(format!("{names}: {why}")));
                    }
                }
                _ => {}
            }
        }
    }

    /// Gives commands to the client.
    pub(crate) fn handle(&self) -> &ClientHandle {
        &self.handle
    }

    /// What the server said first on the newest connection.
    pub(crate) fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// The next event. A lost connection is told, and made again. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Event, Failure> {
        let event = self.client.next().await;
        match &event {
            Event::Disconnected(Disconnected { why, retry_in }) => match retry_in {
                None => return Err(Failure::NotConnected(why.to_string())),
                Some(wait) if wait.is_zero() => say(&format!("{why}; connecting again")),
                Some(wait) => say(&format!("{why}; connecting again in {wait:.1?}")),
            },
            Event::Connected(welcome) => {
                say("connected again");
                self.welcome = welcome.clone();
            }
            _ => {}
        }
        Ok(event)
    }

    /// The next event of a command that ends when the connection is lost, or when the server is
    /// silent.
    pub(crate) async fn answer(&mut self) -> Result<Event, Failure> {
        let limit = self.timeout;
        match timeout(limit, self.client.next()).await {
            Ok(Event::Disconnected(Disconnected { why, .. })) => {
                Err(Failure::NotConnected(why.to_string()))
            }
            Ok(event) => Ok(event),
            Err(_) => Err(Failure::NotConnected(format!(
                "the server has not answered within {limit:?}: see --timeout"
            ))),
        }
    }

    /// Closes the connection with a handshake, which the client bounds.
    pub(crate) async fn close(mut self) {
        if self.handle.close().is_err() {
            return;
        }
        while !matches!(self.client.next().await, Event::Disconnected(_)) {}
    }
}
