//! Settings from flags, environment variables and the file.

mod documents;
mod errors;
mod file;
mod precedence;
mod refused;

use std::{ffi::OsString, fs};

use tickcast_server::config::{self, Command, Settings};

/// A folder with a file, flags and an environment.
struct Case {
    folder: tempfile::TempDir,
    flags: Vec<String>,
    environment: Vec<(OsString, OsString)>,
}

fn case() -> Case {
    Case {
        folder: tempfile::tempdir().unwrap(),
        flags: Vec::new(),
        environment: Vec::new(),
    }
}

impl Case {
    fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(ToString::to_string));
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn file(mut self, text: &str) -> Self {
        let path = self.folder.path().join("tickcast.toml");
        fs::write(&path, text).unwrap();
        self.flags.push("--config".into());
        self.flags.push(path.to_str().unwrap().into());
        self
    }

    fn load(&self) -> Result<Command, config::ConfigError> {
        let program = std::iter::once("tickcast-server".into());
        let args = program.chain(self.flags.iter().map(OsString::from));
        config::load(args, self.environment.clone())
    }

    #[track_caller]
    fn settings(&self) -> Settings {
        match self.load() {
            Ok(Command::Run(settings)) => *settings,
            other => panic!("no settings: {other:?}"),
        }
    }

    #[track_caller]
    fn print(&self) -> String {
        match self.load() {
            Ok(Command::Print(text)) => text,
            other => panic!("nothing to print: {other:?}"),
        }
    }

    /// What is wrong, or nothing. The folder's name is left out.
    fn found(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        let problems = self.load().err().map(|error| error.problems);
        let problems = problems.into_iter().flatten();
        problems.map(|text| text.replace(&folder, "")).collect()
    }

    #[track_caller]
    fn problems(&self) -> Vec<String> {
        let problems = self.found();
        assert!(!problems.is_empty(), "no problems: {:?}", self.load());
        problems
    }
}

#[track_caller]
fn check_problem(case: &Case, expected: &str) {
    assert_eq!(case.problems(), [expected]);
}

/// How the answer to `--check` begins.
const RIGHT: &str = "The settings are right. ";
