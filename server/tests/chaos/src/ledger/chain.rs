//! The chain of one subscription with the filter `#`: every update of the tape belongs to it.

use crate::message::{Accepted, Batch};

/// What a subscription promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Every update comes, or is counted in a gap.
    Every,
    /// The newest values come.
    Latest,
}

impl Mode {
    /// Its name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Every => "every",
            Self::Latest => "latest",
        }
    }
}

/// Where a subscription ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The epoch of the other fields.
    pub epoch: String,
    /// The current position.
    pub position: u64,
    /// The count at that position.
    pub count: u64,
    /// `to` of the last batch of a snapshot under way.
    pub snapshot: Option<u64>,
}

/// The state of one subscription across reconnects.
#[derive(Debug)]
pub struct Chain {
    mode: Mode,
    token: Option<Token>,
    /// Updates that came live.
    pub delivered: u64,
    /// Updates that gaps counted.
    pub lost: u64,
    /// Resumed without a new epoch.
    pub resumed: u64,
    /// Begun anew.
    pub begun: u64,
}

impl Chain {
    /// A subscription that has not begun.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            token: None,
            delivered: 0,
            lost: 0,
            resumed: 0,
            begun: 0,
        }
    }

    /// Where to continue.
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// The position up to which everything came or was counted, without a snapshot under way.
    pub fn complete_to(&self, epoch: &str) -> Option<u64> {
        let token = self.token.as_ref()?;
        let is_complete = token.epoch == epoch && token.snapshot.is_none();
        is_complete.then_some(token.position)
    }

    /// Begins anew next time.
    pub fn forget(&mut self) {
        self.token = None;
    }

    /// Takes the answer to a subscribe request.
    pub fn accept(&mut self, accepted: &Accepted) -> Result<(), String> {
        let next = Token {
            epoch: accepted.epoch.clone(),
            position: accepted.position,
            count: accepted.count,
            snapshot: accepted.snapshot,
        };
        if !accepted.resumed {
            self.begun += 1;
            self.token = Some(next);
            return Ok(());
        }
        self.resumed += 1;
        let Some(before) = self.token.as_ref() else {
            return Err("it resumed a subscription that never was".to_owned());
        };
        if before.epoch != next.epoch {
            return Err(format!("it resumed {before:?} in another epoch: {next:?}"));
        }
        // Every position belongs to the filter, so there is none to step back over.
        // A token has a count in mode `every` only.
        let is_counted = self.mode == Mode::Latest || before.count == next.count;
        if before.position != next.position || !is_counted {
            return Err(format!("it resumed {before:?} somewhere else: {next:?}"));
        }
        self.token = Some(next);
        Ok(())
    }

    /// Takes a batch.
    pub fn batch(&mut self, batch: &Batch) -> Result<(), String> {
        let mode = self.mode;
        let token = self.begun()?;
        let Batch { from, to, .. } = *batch;
        let mut before = from;
        for update in &batch.updates {
            if update.position <= before || update.position > to {
                return Err(format!("position {} in ({from}, {to}]", update.position));
            }
            before = update.position;
        }
        if batch.is_snapshot {
            return snapshot(token, from, to);
        }
        if token.snapshot.is_some() {
            return Err(format!("a live batch from {from} during a snapshot"));
        }
        if from != token.position || to < from {
            return Err(format!("a batch ({from}, {to}] at {}", token.position));
        }
        let updates = batch.updates.len() as u64;
        if mode == Mode::Every && updates != to - from {
            return Err(format!("{updates} updates in ({from}, {to}]"));
        }
        token.position = to;
        token.count += to - from;
        self.delivered += updates;
        Ok(())
    }

    /// Takes a gap.
    pub fn gap(&mut self, from: u64, to: u64, lost: Option<u64>, start: u64) -> Result<(), String> {
        let mode = self.mode;
        let token = self.begun()?;
        if mode != Mode::Every || token.snapshot.is_some() {
            return Err(format!("a gap ({from}, {to}] where none may come"));
        }
        if from != token.position || to <= from || start > to {
            return Err(format!("a gap ({from}, {to}] at {}", token.position));
        }
        if lost != Some(to - from) {
            return Err(format!("a gap ({from}, {to}] that counts {lost:?}"));
        }
        token.position = to;
        token.count += to - from;
        token.snapshot = Some(start);
        self.lost += to - from;
        Ok(())
    }

    /// Takes the position in a heartbeat.
    pub fn heartbeat(&mut self, position: Option<u64>) -> Result<(), String> {
        let Some(token) = self.token.as_ref() else {
            return Ok(());
        };
        match position {
            Some(position) if token.snapshot.is_none() && position != token.position => {
                Err(format!("a heartbeat says {position} at {}", token.position))
            }
            _ => Ok(()),
        }
    }

    fn begun(&mut self) -> Result<&mut Token, String> {
        let token = self.token.as_mut();
        token.ok_or_else(|| "a message before the subscription".to_owned())
    }
}

fn snapshot(token: &mut Token, from: u64, to: u64) -> Result<(), String> {
    match token.snapshot {
        Some(at) if at == from && to >= from && to <= token.position => {
            token.snapshot = (to < token.position).then_some(to);
            Ok(())
        }
        at => Err(format!("a snapshot ({from}, {to}] at {at:?}")),
    }
}
