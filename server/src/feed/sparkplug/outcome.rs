//! What becomes of the messages of nodes.

use tickcast_protocol::topic::Topic;

use super::bounds::ERRORS_PER_MESSAGE_MAX;
use crate::feed::decode::{DecodeError, Decoded};

/// What a host does next.
#[derive(Debug, PartialEq)]
pub enum Event {
    /// What became of one message. Each message has one such event, in order of their effect.
    Message(Box<Outcome>),
    /// Topics whose node or device is gone.
    Dead(Vec<Topic>),
    /// A command that must be published: its topic and payload.
    Command(String, Vec<u8>),
}

/// What became of one message.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// The topic of the message.
    pub origin: String,
    /// Its updates, and what could not be read.
    pub decoded: Decoded,
    /// Metrics that could not be read, after as many as one message tells.
    pub unread: u64,
    /// Metrics that were dropped, because it is not known for sure whose they are: of a node or
    /// device without birth, with an unknown alias, or of a message that came too late.
    pub unresolved: u64,
    /// Topics that are dead from now on.
    pub dead: Vec<Topic>,
}

/// What a host has counted since it was asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Births of nodes and devices.
    pub births: u64,
    /// Deaths of nodes and devices.
    pub deaths: u64,
    /// Messages that were ignored because they came too late: deaths of an earlier session,
    /// duplicates, retained ones.
    pub late: u64,
    /// Gaps in the sequence of a node that nothing has filled in time.
    pub gaps: u64,
    /// Requests to be born again.
    pub rebirths: u64,
}

impl Outcome {
    /// Adds a metric that could not be read.
    pub(super) fn unreadable(&mut self, error: DecodeError) {
        match self.decoded.errors.len() < ERRORS_PER_MESSAGE_MAX {
            true => self.decoded.errors.push(error),
            false => self.unread += 1,
        }
    }
}
