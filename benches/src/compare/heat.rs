//! Measuring those who are compared closely side by side: all are started, and then each has a turn
//! while the others are held, again and again.
//!
//! An entrant is a process: it has as many connections as a process may have, for itself.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, bail};

use super::{
    contender::{LOAD_CORE, beside, on_core},
    entrant::{Answer, Order},
    figures::Measurement,
    workload::Entry,
};

/// The program that is an entrant.
const PROGRAM: &str = "entrant";

/// Measures the entries of a heat, see [`workload::heats`](super::workload::heats).
pub fn measure(run: usize, heat: &[Entry<'_>]) -> Vec<anyhow::Result<Measurement>> {
    let mut entrants: Vec<_> = heat
        .iter()
        .map(|entry| EntrantProcess::start(run, entry))
        .collect();
    let turns = heat.iter().map(|entry| entry.workload.turns).max();
    for turn in 0..turns.unwrap_or(0) {
        for at in 0..entrants.len() {
            // There and back again, so that nobody always comes behind the same one.
            let at = match turn % 2 {
                0 => at,
                _ => entrants.len() - 1 - at,
            };
            // Whoever has failed is out.
            if let Ok(entrant) = &mut entrants[at]
                && let Err(error) = entrant.take_turn()
            {
                entrants[at] = Err(error);
            }
        }
    }
    let measured = entrants.into_iter().map(|entrant| entrant?.sum_up());
    measured.collect()
}

/// An entrant at work, in its process. It does not outlive this.
struct EntrantProcess {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl EntrantProcess {
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
        let answers = process.stdout.take().context("an entrant without output")?;
        let mut entrant = Self {
            process,
            answers: BufReader::new(answers),
        };
        match entrant.answer()? {
            Answer::Done => Ok(entrant),
            other => bail!("{other:?} is no answer to a start"),
        }
    }

    fn take_turn(&mut self) -> anyhow::Result<()> {
        match self.tell(Order::Turn)? {
            Answer::Done => Ok(()),
            other => bail!("{other:?} is no answer to a turn"),
        }
    }

    fn sum_up(mut self) -> anyhow::Result<Measurement> {
        match self.tell(Order::SumUp)? {
            Answer::Measured(measurement) => Ok(*measurement),
            other => bail!("{other:?} is no measurement"),
        }
    }

    fn tell(&mut self, order: Order) -> anyhow::Result<Answer> {
        let orders = self.process.stdin.as_mut();
        let orders = orders.context("an entrant without input")?;
        writeln!(orders, "{}", serde_json::to_string(&order)?)?;
        self.answer()
    }

    fn answer(&mut self) -> anyhow::Result<Answer> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the load has ended: {}", self.process.wait()?);
        }
        match serde_json::from_str(&line)? {
            Answer::Failed(why) => bail!(why),
            answer => Ok(answer),
        }
    }
}

impl Drop for EntrantProcess {
    /// It ends when no more is said, and its contender with it.
    fn drop(&mut self) {
        // Closes its input first.
        let _ = self.process.wait();
    }
}
