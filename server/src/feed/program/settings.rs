//! Settings of the program feed.

use std::{
    env,
    ffi::OsString,
    fmt,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    str::FromStr,
};

use clap::{Args, ValueEnum};

use crate::settings::values::defaults;

/// Settings of the feed. Each field is a setting of the server, see `crate::settings`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Feed program")]
pub struct ProgramSettings {
    /// The program and its arguments, each as a member of the list, as in --program-run ./gateway
    /// --program-run=--verbose.
    #[arg(value_name = "WORD")]
    pub run: Vec<String>,
    /// Instead of `run`, a line for the shell (sh -c), which may have pipes.
    #[arg(value_name = "LINE")]
    pub shell: Option<String>,
    /// The folder in which it runs [default: the server's].
    #[arg(value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
    /// Environment variables of the program. It also gets those of the server, except for
    /// TICKCAST_..., which may have passwords.
    #[arg(value_name = "NAME=VALUE")]
    pub env: Vec<Variable>,
    /// When it is started again after its end: always, after a failure (an exit code other than 0,
    /// or a signal), or never.
    #[arg(value_name = "WHEN", default_value = "always")]
    pub restart: Restart,
}

impl Default for ProgramSettings {
    fn default() -> Self {
        defaults()
    }
}

/// When a program is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Restart {
    /// After each end.
    Always,
    /// After a failure.
    Failure,
    /// Never: the feed has finished.
    Never,
}

impl Restart {
    /// Whether it is started again after this end.
    pub(super) fn applies(self, status: ExitStatus) -> bool {
        match self {
            Self::Always => true,
            Self::Failure => !status.success(),
            Self::Never => false,
        }
    }
}

/// An environment variable. Its value may be a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    name: String,
    value: String,
}

impl FromStr for Variable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() && !text.contains('\0') => Ok(Self {
                name: name.into(),
                value: value.into(),
            }),
            _ => Err("expected a variable such as LANG=C".into()),
        }
    }
}

/// Leaves out the value.
impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.name)
    }
}

/// The server's own settings, which are none of the program's.
const OWN_PREFIX: &str = "TICKCAST_";

/// What a service manager tells the server alone: sd_notify(3), sd_watchdog_enabled(3). The program
/// must not say that the server is ready.
const OF_SERVICE: &[&str] = &[
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

const SHELL: &str = "sh";

impl ProgramSettings {
    /// The key and what is wrong with it.
    pub(in crate::feed) fn check(&self) -> Result<(), (&'static str, String)> {
        match (self.run.as_slice(), &self.shell) {
            ([], None) => {
                let reason = "there is nothing to run: set run, a list of words, or shell, a line";
                return Err(("run", reason.into()));
            }
            ([_, ..], Some(_)) => {
                return Err((
                    "shell",
                    "run and shell are both set: use one of them".into(),
                ));
            }
            _ => {}
        }
        if let Some(dir) = &self.dir
            && !dir.is_dir()
        {
            let reason = format!("{} is no folder, such as /srv/gateway", dir.display());
            return Err(("dir", reason));
        }
        let words = self.run.iter().chain(&self.shell);
        if words.into_iter().any(|word| word.contains('\0')) {
            return Err(("run", "a word has the character NUL".into()));
        }
        self.executable()
            .map(drop)
            .map_err(|reason| ("run", reason))
    }

    /// The program for messages.
    pub(crate) fn shown(&self) -> String {
        match &self.shell {
            Some(line) => line.clone(),
            None => self.run.join(" "),
        }
    }

    /// How to start it.
    pub(super) fn command(&self) -> std::io::Result<Command> {
        let executable = self.executable().map_err(std::io::Error::other)?;
        let mut command = Command::new(executable);
        match &self.shell {
            Some(line) => command.args(["-c", line]),
            None => command.args(self.run.iter().skip(1)),
        };
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with(OWN_PREFIX) || OF_SERVICE.contains(&&*text) {
                command.env_remove(name);
            }
        }
        let variables = self.env.iter();
        command.envs(variables.map(|variable| (&variable.name, &variable.value)));
        Ok(command)
    }

    /// The file to execute. A name with a slash is relative to `dir`, another one is searched for
    /// in PATH.
    fn executable(&self) -> Result<PathBuf, String> {
        let name = match &self.shell {
            Some(_) => SHELL,
            None => self.run.first().map_or("", String::as_str),
        };
        let dir = self.dir.as_deref().unwrap_or(Path::new("."));
        if name.contains('/') {
            let path = std::path::absolute(dir.join(name)).map_err(|error| error.to_string())?;
            return match path.metadata() {
                Err(error) => Err(format!("cannot run {name:?}: {error}")),
                Ok(_) if is_executable(&path) => Ok(path),
                Ok(_) => Err(format!(
                    "{name:?} is no executable file, such as /usr/bin/env (chmod +x)"
                )),
            };
        }
        let given = self.env.iter().rfind(|variable| variable.name == "PATH");
        let path = match given {
            Some(variable) => Some(OsString::from(&variable.value)),
            None => env::var_os("PATH"),
        };
        let path = path.unwrap_or_default();
        let mut files = env::split_paths(&path).map(|folder| folder.join(name));
        let found = files.find(|file| !name.is_empty() && is_executable(file));
        found.ok_or_else(|| format!("there is no program {name:?} in PATH, such as sh or python3"))
    }
}

fn is_executable(path: &Path) -> bool {
    const ANY_EXECUTES: u32 = 0o111;
    let metadata = path.metadata();
    metadata.is_ok_and(|file| file.is_file() && file.permissions().mode() & ANY_EXECUTES != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(words: &[&str]) -> ProgramSettings {
        ProgramSettings {
            run: words.iter().map(|word| (*word).to_owned()).collect(),
            ..ProgramSettings::default()
        }
    }

    #[test]
    fn a_program_that_cannot_be_started_is_an_error_at_start() {
        let check = |settings: ProgramSettings, key: &str, part: &str| {
            let (found, reason) = settings.check().unwrap_err();
            assert_eq!(found, key);
            assert!(reason.contains(part), "{reason}");
        };
        check(settings(&[]), "run", "nothing to run");
        check(
            settings(&[""]),
            "run",
            "no program \"\" in PATH, such as sh",
        );
        check(settings(&["no-such-program"]), "run", "no-such-program");
        check(settings(&["./no-such-program"]), "run", "cannot run");
        check(settings(&["/etc/passwd"]), "run", "no executable file");
        check(settings(&["/tmp"]), "run", "no executable file");
        let both = ProgramSettings {
            shell: Some("true".into()),
            ..settings(&["true"])
        };
        check(both, "shell", "use one of them");
        let elsewhere = ProgramSettings {
            dir: Some("/no/such/folder".into()),
            ..settings(&["true"])
        };
        check(elsewhere, "dir", "is no folder");
        settings(&["true"]).check().unwrap();
        let in_folder = ProgramSettings {
            dir: Some("/bin".into()),
            ..settings(&["./sh"])
        };
        in_folder.check().unwrap();
    }

    #[test]
    fn a_variable_is_a_name_and_a_value_which_is_not_printed() {
        let variable: Variable = "KEY=a=b".parse().unwrap();
        assert_eq!((&*variable.name, &*variable.value), ("KEY", "a=b"));
        assert_eq!(format!("{variable:?}"), "KEY=…");
        for text in ["KEY", "=1", ""] {
            assert!(text.parse::<Variable>().is_err(), "{text}");
        }
    }
}
