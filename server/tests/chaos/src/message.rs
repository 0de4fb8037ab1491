//! Messages of the server, read from JSON as `docs/protocol.md` describes them.

use serde_json::Value;

/// A message that the checker needs.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// The server's first message.
    Welcome {
        /// The epoch, as 16 hexadecimal digits.
        epoch: String,
    },
    /// The answer to a subscribe request with one filter.
    Subscribed(Accepted),
    /// Updates.
    Batch(Batch),
    /// Updates that will not come one by one.
    Gap {
        /// Where the client must be.
        from: u64,
        /// Where live batches continue.
        to: u64,
        /// How many updates are lost.
        lost: Option<u64>,
        /// Where the chain of the snapshot begins.
        snapshot: u64,
    },
    /// A sign of life, with the position of the channel.
    Heartbeat {
        /// `to` of the last live batch of the only subscription.
        position: Option<u64>,
    },
    /// A request to publish is on the tape.
    Published {
        /// The number of the request.
        id: u64,
        /// The position of its last update.
        position: u64,
    },
    /// A refused request.
    Error {
        /// The number of the request.
        id: Option<u64>,
        /// The code of the refusal.
        code: u64,
        /// Whether the same request may succeed later.
        temporary: bool,
    },
    /// Anything else.
    Other,
}

/// An accepted subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The epoch of the positions.
    pub epoch: String,
    /// `from` of the first live batch.
    pub position: u64,
    /// The count at that position.
    pub count: u64,
    /// `from` of the first batch of a snapshot.
    pub snapshot: Option<u64>,
    /// Whether the subscription continues an earlier one.
    pub resumed: bool,
}

/// The updates of a range of positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Where the client must be.
    pub from: u64,
    /// Where the client is after it.
    pub to: u64,
    /// Whether it is on the chain of a snapshot.
    pub is_snapshot: bool,
    /// The updates, in ascending order of position.
    pub updates: Vec<Update>,
}

/// One update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Its topic.
    pub topic: String,
    /// Its position on the tape.
    pub position: u64,
    /// Its number within the topic.
    pub seq: u64,
    /// Its value and times, as text.
    pub content: String,
}

impl Message {
    /// Reads a message; an error says what is missing.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(text).map_err(|error| {
            let text = String::from_utf8_lossy(text);
            format!("the server sent what is not JSON ({error}): {text}")
        })?;
        let message = match value["type"].as_str() {
            Some("welcome") => Self::Welcome {
                epoch: text_of(&value, "epoch")?,
            },
            Some("subscribed") => Self::Subscribed(accepted(&value["results"][0])?),
            Some("batch") => Self::Batch(batch(&value)?),
            Some("gap") => Self::Gap {
                from: number(&value, "from")?,
                to: number(&value, "to")?,
                lost: value["lost"].as_u64(),
                snapshot: number(&value, "snapshot")?,
            },
            Some("heartbeat") => Self::Heartbeat {
                position: value["channels"][0]["position"].as_u64(),
            },
            Some("published") => Self::Published {
                id: number(&value, "id")?,
                position: number(&value, "position")?,
            },
            Some("error") => Self::Error {
                id: value["id"].as_u64(),
                code: number(&value, "code")?,
                temporary: value["temporary"] == true,
            },
            Some(_) => Self::Other,
            None => return Err(format!("the server sent a message without a type: {value}")),
        };
        Ok(message)
    }
}

fn accepted(value: &Value) -> Result<Accepted, String> {
    Ok(Accepted {
        epoch: text_of(value, "epoch")?,
        position: number(value, "position")?,
        count: number(value, "count")?,
        snapshot: value["snapshot"].as_u64(),
        resumed: value["start"] == "resumed",
    })
}

fn batch(value: &Value) -> Result<Batch, String> {
    let updates = value["updates"].as_array().into_iter().flatten();
    Ok(Batch {
        from: number(value, "from")?,
        to: number(value, "to")?,
        is_snapshot: value["snapshot"] == true,
        updates: updates.map(update).collect::<Result<_, _>>()?,
    })
}

fn update(value: &Value) -> Result<Update, String> {
    let times = (&value["source_time_ns"], &value["ingest_time_ns"]);
    Ok(Update {
        topic: text_of(value, "topic")?,
        position: number(value, "position")?,
        seq: number(value, "seq")?,
        content: format!("{} {} {}", value["value"], times.0, times.1),
    })
}

fn number(value: &Value, name: &str) -> Result<u64, String> {
    let found = value[name].as_u64();
    found.ok_or_else(|| format!("{name} is not a number in {value}"))
}

fn text_of(value: &Value, name: &str) -> Result<String, String> {
    let found = value[name].as_str();
    let found = found.ok_or_else(|| format!("{name} is not a text in {value}"))?;
    Ok(found.to_owned())
}
