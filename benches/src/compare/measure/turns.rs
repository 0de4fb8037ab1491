//! Measures contenders in turns: all are started, and then each has a turn while the others are
//! stopped, again and again.
//!
//! Each contender and its load have a measuring process of their own, so that each has as many
//! connections as a process may have.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, bail};

use super::orders::{TurnAnswer, TurnOrder};
use crate::compare::{
    figures::Measurement,
    program::{LOAD_CORE, beside, on_core},
    workload::Entry,
};

/// The program of a measuring process.
const PROGRAM: &str = "measure-contender";

/// Measures the entries of a group, see [`turn_groups`](crate::compare::workload::turn_groups).
pub fn measure(run: usize, group: &[Entry<'_>]) -> Vec<anyhow::Result<Measurement>> {
    let mut processes: Vec<_> = group
        .iter()
        .map(|entry| MeasuringProcess::start(run, entry))
        .collect();
    let turns = group.iter().map(|entry| entry.workload.turns).max();
    for turn in 0..turns.unwrap_or(0) {
        for at in 0..processes.len() {
            // The order alternates, so that no contender always follows the same one.
            let at = match turn % 2 {
                0 => at,
                _ => processes.len() - 1 - at,
            };
            // A contender that has failed takes no further turns.
            if let Ok(process) = &mut processes[at]
                && let Err(error) = process.take_turn()
            {
                processes[at] = Err(error);
            }
        }
    }
    let measured = processes.into_iter().map(|process| process?.sum_up());
    measured.collect()
}

/// A measuring process. It ends when this is dropped.
struct MeasuringProcess {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl MeasuringProcess {
    fn start(run: usize, entry: &Entry<'_>) -> anyhow::Result<Self> {
        let Entry {
            contender,
            workload,
        } = entry;
        let words = vec![
            beside(PROGRAM)?.display().to_string(),
            contender.argument(),
            workload.letter.to_owned(),
            format!("--run={run}"),
            format!("--quick={}", workload.is_quick),
        ];
        let words = on_core(LOAD_CORE, words);
        let mut process = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| words.join(" "))?;
        let answers = process
            .stdout
            .take()
            .context("the measuring process has no output")?;
        let mut started = Self {
            process,
            answers: BufReader::new(answers),
        };
        match started.answer()? {
            TurnAnswer::Done => Ok(started),
            other => bail!("unexpected answer to a start: {other:?}"),
        }
    }

    fn take_turn(&mut self) -> anyhow::Result<()> {
        match self.tell(TurnOrder::Turn)? {
            TurnAnswer::Done => Ok(()),
            other => bail!("unexpected answer to a turn: {other:?}"),
        }
    }

    fn sum_up(mut self) -> anyhow::Result<Measurement> {
        match self.tell(TurnOrder::SumUp)? {
            TurnAnswer::Measured(measurement) => Ok(*measurement),
            other => bail!("unexpected answer, not a measurement: {other:?}"),
        }
    }

    fn tell(&mut self, order: TurnOrder) -> anyhow::Result<TurnAnswer> {
        let orders = self.process.stdin.as_mut();
        let orders = orders.context("the measuring process has no input")?;
        writeln!(orders, "{}", serde_json::to_string(&order)?)?;
        self.answer()
    }

    fn answer(&mut self) -> anyhow::Result<TurnAnswer> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the measuring process has ended: {}", self.process.wait()?);
        }
        match serde_json::from_str(&line)? {
            TurnAnswer::Failed(why) => bail!(why),
            answer => Ok(answer),
        }
    }
}

impl Drop for MeasuringProcess {
    /// It ends when its input is closed, and its contender with it.
    fn drop(&mut self) {
        // Waiting closes its input first.
        let _ = self.process.wait();
    }
}
