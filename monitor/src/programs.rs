//! Runs the programs that alerts ask for.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Programs that run at the same time; further ones are refused and told.
pub const RUNNING_MAX: usize = 8;

/// A program that runs longer is ended.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why a program does not run.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// There is nothing to run.
    #[error("there is no program in {0:?}")]
    Empty(String),
    /// [`RUNNING_MAX`] run already.
    #[error("{RUNNING_MAX} programs are still running")]
    TooMany,
    /// The system refuses.
    #[error("cannot run {program}: {error}")]
    Start {
        /// Which.
        program: String,
        /// What the system says.
        error: std::io::Error,
    },
}

/// The programs that run.
#[derive(Debug, Default)]
pub struct Programs {
    running: Vec<(Child, Instant)>,
}

impl Programs {
    /// Starts a program with its arguments, and with `variables` in its environment. No shell is
    /// involved: what a topic is called cannot become a command.
    pub fn run(&mut self, line: &str, variables: &[(&str, String)]) -> Result<(), ProgramError> {
        self.tidy();
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

    /// Forgets programs that have ended, and ends those that do not.
    pub fn tidy(&mut self) {
        self.running.retain_mut(|(child, since)| {
            if since.elapsed() > TIMEOUT {
                // It may have ended just now.
                let _ = child.kill();
            }
            matches!(child.try_wait(), Ok(None))
        });
    }
}

/// Words between spaces; what stands between quotes is one word.
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
    fn a_line_is_cut_into_words() {
        assert_eq!(words("a  'b c' d\"e f\""), ["a", "b c", "de f"]);
        assert_eq!(words(" \"\" "), [""]);
        assert!(words("  ").is_empty());
    }

    #[test]
    fn a_program_gets_what_happened_in_its_environment() {
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
    fn what_cannot_run_is_told() {
        let mut programs = Programs::default();
        assert!(matches!(
            programs.run(" ", &[]),
            Err(ProgramError::Empty(_))
        ));
        let error = programs.run("/no/such/program", &[]).unwrap_err();
        assert!(error.to_string().contains("/no/such/program"));
    }
}
