//! Sends updates, and waits until the server has them.
//!
//! One request is under way at a time, with as many updates as are there: so their order stays, and
//! nothing piles up. It is sent again after a lost connection, and the server puts it on the tape
//! once. A refusal of several is a refusal of one of them, which is searched for.

use tickcast_protocol::{
    client::{Event, Unpublished},
    error::ErrorCode,
    message::{ErrorMessage, Publication},
};

use crate::{
    connection::Link,
    exit::{Exit, Failure},
    words::{count, say},
};

/// Updates of one request: many enough that a round trip costs little, and few enough that a
/// refused one is found soon.
const REQUEST_MAX_UPDATES: usize = 1_000;

/// Refusals that are told one by one. Further ones are counted.
const TOLD_MAX: u64 = 10;

/// A wait of this length is told: it may last until an operator mends the server.
/// Shorter ones are usual at a limit of the server.
const TOLD_WAIT_MS: u32 = 1_000;

/// Publishes, and counts what became of it.
pub(crate) struct Publisher {
    link: Link,
    published: u64,
    refused: u64,
    /// Sent again after a lost connection, to a server that has forgotten whether it has them.
    unknown: u64,
}

impl Publisher {
    pub(crate) fn new(link: Link) -> Self {
        Self {
            link,
            published: 0,
            refused: 0,
            unknown: 0,
        }
    }

    /// Keeps the connection alive until something else has happened.
    pub(crate) async fn meanwhile<T>(
        &mut self,
        other: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        tokio::pin!(other);
        loop {
            tokio::select! {
                done = &mut other => return Ok(done),
                event = self.link.next() => drop(event?),
            }
        }
    }

    /// Publishes updates in their order, and waits for what becomes of them.
    pub(crate) async fn publish(&mut self, mut updates: Vec<Publication>) -> Result<(), Failure> {
        // What is to be sent, the next part last.
        let mut parts = Vec::new();
        while updates.len() > REQUEST_MAX_UPDATES {
            let rest = updates.split_off(REQUEST_MAX_UPDATES);
            parts.push(std::mem::replace(&mut updates, rest));
        }
        parts.push(updates);
        parts.reverse();
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let number = part.len() as u64;
            let settled = self.settle(&part).await;
            match settled.inspect_err(|_| self.unknown += number)? {
                Ok(()) => self.published += number,
                Err(Unpublished::Unknown) => {
                    self.unknown += number;
                    say(&format!(
                        "the connection was lost before the answer, and the server cannot tell \
                         any more whether {} arrived",
                        count(number, "update")
                    ));
                }
                // One of them is refused, or all of them are too long together.
                Err(_) if part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    parts.push(second);
                    parts.push(part);
                }
                Err(Unpublished::Refused(ErrorMessage {
                    code: code @ (ErrorCode::NotAuthenticated | ErrorCode::TokenRefused),
                    reason,
                    ..
                })) => return Err(Failure::refused(&part[0].topic, code, &reason)),
                Err(why) => self.refuse(&part[0], &why),
            }
        }
        Ok(())
    }

    fn refuse(&mut self, update: &Publication, why: &Unpublished) {
        self.refused += 1;
        if self.refused > TOLD_MAX {
            return;
        }
        let why = match why {
            Unpublished::Refused(ErrorMessage { code, reason, .. }) => format!("{code}: {reason}"),
            Unpublished::TooLong { bytes, limit } => {
                format!("the message has {bytes} bytes (limit {limit})")
            }
            Unpublished::NotConnected | Unpublished::Unknown => "the connection is lost".to_owned(),
        };
        say(&format!("{}: the server refuses: {why}", update.topic));
        if self.refused == TOLD_MAX {
            say("further refusals are counted");
        }
    }

    /// Sends updates until the server has decided, on each connection. A refusal for now is none.
    async fn settle(
        &mut self,
        updates: &[Publication],
    ) -> Result<Result<(), Unpublished>, Failure> {
        let sent = self.link.handle().publish_once(updates.to_vec());
        let id = sent.map_err(|error| Failure::Failed(error.to_string()))?;
        let mut wait_ms: u32 = 0;
        loop {
            match self.link.next().await? {
                Event::Published(published) if published.id == id => return Ok(Ok(())),
                Event::Unpublished { id: of, why } if of == id => return Ok(Err(why)),
                Event::Error(ErrorMessage {
                    temporary: true,
                    code,
                    reason,
                    retry_after_ms,
                    ..
                }) => {
                    let is_told = wait_ms >= TOLD_WAIT_MS;
                    wait_ms = wait_ms.saturating_add(retry_after_ms.unwrap_or(TOLD_WAIT_MS));
                    if wait_ms >= TOLD_WAIT_MS && !is_told {
                        say(&format!(
                            "the server refuses for now: {code}: {reason}; trying again"
                        ));
                    }
                }
                _ => {}
            }
        }
    }

    /// Closes the connection, tells the numbers and decides the exit code. `skipped`: lines that
    /// could not be read. `done`: whether the input has come to its end.
    pub(crate) async fn finish(
        self,
        skipped: u64,
        done: Result<(), Failure>,
    ) -> Result<Exit, Failure> {
        self.link.close().await;
        let mut text = format!("{} published", count(self.published, "update"));
        for (number, what) in [
            (self.refused, "refused"),
            (self.unknown, "unknown"),
            (skipped, "of the lines cannot be read"),
        ] {
            if number > 0 {
                text.push_str(&format!(", {number} {what}"));
            }
        }
        say(&text);
        done?;
        Ok(match (self.refused, self.unknown + skipped) {
            (0, 0) => Exit::Done,
            (0, _) => Exit::Failed,
            _ => Exit::Refused,
        })
    }
}
