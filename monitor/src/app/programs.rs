//! Runs the programs that alerts ask for.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The most programs at the same time; further ones are refused with an error.
pub(crate) const RUNNING_MAX: usize = 8;

/// A program that runs longer is killed.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    /// The line names no program.
    #[error("no program is named in {0:?}")]
    Empty(String),
    /// [`RUNNING_MAX`] programs are running.
    #[error("too many programs are running (limit {RUNNING_MAX})")]
    TooMany,
    /// The system refused to start it.
    #[error("cannot run {program}: {error}")]
    Start {
        /// The program.
        program: String,
        /// The error of the system.
        error: std::io::Error,
    },
}

/// The programs that run.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    running: Vec<(Child, Instant)>,
}

impl Programs {
    /// Starts a program with its arguments, and with `variables` in its environment. No shell is
    /// involved, so a topic's name cannot become a command.
    pub(crate) fn run(
        &mut self,
        line: &str,
        variables: &[(&str, String)],
    ) -> Result<(), ProgramError> {
        self.reap();
        if self.running.len() >= RUNNING_MAX {
            return Err(ProgramError::TooMany);
        }
        let words = words(line);
        let Some((program, arguments)) = words.split_first() else {
            return Err(ProgramError::Empty(line.to_owned()));
        };
        let child = Command::new(program)
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| ProgramError::Start {
                program: program.clone(),
                error,
            })?;
        self.running.push((child, Instant::now()));
        Ok(())
    }

    /// Reaps programs that have ended, and kills those that exceed their time.
    pub(crate) fn reap(&mut self) {
        self.running.retain_mut(|(child, since)| {
            if since.elapsed() > TIMEOUT {
                // This fails if it has ended just now.
                let _ = child.kill();
            }
            matches!(child.try_wait(), Ok(None))
        });
    }
}

/// Splits a line at spaces; text in quotes is one word.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_into_words() {
        assert_eq!(words("a  'b c' d\"e f\""), ["a", "b c", "de f"]);
        assert_eq!(words(" \"\" "), [""]);
        assert!(words("  ").is_empty());
    }

    #[test]
    fn a_program_gets_the_event_in_its_environment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut programs = Programs::default();
        let line = format!("sh -c 'printf %s \"$TICKCAST_TOPIC\" > {}'", path.display());
        let topic = "a; rm -rf /".to_owned();
        programs
            .run(&line, &[("TICKCAST_TOPIC", topic.clone())])
            .unwrap();
        let (mut child, _) = programs.running.pop().unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(std::fs::read_to_string(path).unwrap(), topic);
    }

    #[test]
    fn a_program_that_cannot_run_is_reported() {
        let mut programs = Programs::default();
        assert!(matches!(
            programs.run(" ", &[]),
            Err(ProgramError::Empty(_))
        ));
        let error = programs.run("/no/such/program", &[]).unwrap_err();
        assert!(error.to_string().contains("/no/such/program"));
    }
}
