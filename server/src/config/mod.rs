//! Settings, from flags, then the environment, then a file, then defaults.
//!
//! Each setting stands once, in `tables.rs`: the flag, the environment variable, the key in the
//! file, the help text and the line of `--print-config` are made of that. Errors are collected, so
//! that all can be mended at once.

mod decode;
mod feeds;
mod file;
mod flags;
mod liveness;
mod print;
mod rules;
mod section;
mod tables;
mod values;

use std::{collections::BTreeMap, ffi::OsString, fmt, mem::take, path::Path, sync::Arc};

use decode::RuleDraft;
use feeds::{FeedDraft, read_feeds};
use file::File;
use flags::Flags;
use liveness::{SilenceDraft, WillDraft};
use rules::{Rule, read_rules, read_tables};
use section::{AnySection, Filled};
use tickcast_core::sequencer::liveness::LivenessSettings;

use crate::{
    feed::{FeedSettings, decode::DecodeRule},
    settings::ServerSettings,
};

/// All that can be set.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Everything but the feeds.
    pub server: ServerSettings,
    /// The feeds, each already checked.
    pub feeds: Vec<FeedSettings>,
    /// How payloads are read; the first rule that matches a topic holds.
    pub decode: Arc<[DecodeRule]>,
    /// When topics are stale or dead.
    pub liveness: LivenessSettings,
    /// What is logged.
    pub log: LogSettings,
    /// What looks like a mistake but prevents nothing: to be logged.
    pub warnings: Vec<String>,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Directives as `tracing-subscriber` takes them: `info`, `warn,tickcast_server::feed=debug`.
    pub filter: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            filter: "info".into(),
        }
    }
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// To run the server.
    Run(Box<Settings>),
    /// To print a text on standard output and end well: help, version, the effective settings, or
    /// that they are right.
    Print(String),
}

/// Everything that is wrong with the settings, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// What is wrong, and where.
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// All environment variables of ours begin so.
const ENVIRONMENT_PREFIX: &str = "TICKCAST_";

/// But these are the monitor's, which is often started from the same shell.
const MONITOR_PREFIX: &str = "MONITOR_";

/// Reads all settings and checks them; opens the files that feeds are to read.
///
/// `args` begin with the program's name. Of `environment` only `TICKCAST_...` is looked at.
pub fn load(
    args: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Command, ConfigError> {
    let flags = match Flags::parse(args) {
        Ok(flags) => flags,
        Err(flags::NoFlags::Print(text)) => return Ok(Command::Print(text)),
        Err(flags::NoFlags::Problem(problem)) => return Err(problem.into()),
    };
    let mut problems = Problems::default();
    let environment = Environment::new(environment, &mut problems);
    let path = flags.config.clone().or_else(|| environment.get("CONFIG"));
    let file = match &path {
        None => File::default(),
        Some(path) => File::read(Path::new(path)).map_err(ConfigError::from)?,
    };

    let drafts = Drafts::new(&flags, &environment, file, &mut problems);
    let settings = drafts.settings(environment.unknown(), &mut problems);
    if !problems.0.is_empty() {
        return Err(ConfigError {
            problems: problems.0,
        });
    }
    Ok(if flags.print_config {
        Command::Print(drafts.print())
    } else if flags.check {
        Command::Print("The settings are right.\n".into())
    } else {
        Command::Run(Box::new(settings))
    })
}

impl From<String> for ConfigError {
    fn from(problem: String) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

/// What is wrong so far.
#[derive(Debug, Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, problem: String) {
        self.0.push(problem);
    }

    /// Notes an error and goes on without.
    fn note<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|problem| self.add(problem)).ok()
    }
}

/// Our part of the environment, without the prefix.
struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    fn new(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        problems: &mut Problems,
    ) -> Self {
        let mut ours = BTreeMap::new();
        for (name, value) in variables {
            let name = name.to_string_lossy();
            let Some(short_name) = name.strip_prefix(ENVIRONMENT_PREFIX) else {
                continue;
            };
            match value.into_string() {
                Ok(value) => {
                    ours.insert(short_name.to_owned(), value);
                }
                Err(_) => problems.add(format!("{name}: it is not UTF-8")),
            }
        }
        Self { variables: ours }
    }

    fn get(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// A list: separated by commas, or in the brackets of TOML if a member has a comma.
    fn list(&self, name: &str) -> Option<Result<Vec<String>, String>> {
        let text = self.variables.get(name)?;
        let list = if text.starts_with('[') {
            file::parse_list(text)
                .map_err(|problem| format!("{ENVIRONMENT_PREFIX}{name}: {problem}"))
        } else if text.is_empty() {
            Ok(Vec::new())
        } else {
            Ok(text.split(',').map(|member| member.trim().into()).collect())
        };
        Some(list)
    }

    fn unknown(&self) -> Vec<String> {
        let known = flags::environment_names();
        let unknown = self
            .variables
            .keys()
            .filter(|name| !known.contains(*name) && !name.starts_with(MONITOR_PREFIX));
        unknown
            .map(|name| format!("{ENVIRONMENT_PREFIX}{name} is set, but there is no such setting"))
            .collect()
    }
}

/// All settings, each with its origin.
struct Drafts {
    server: Filled<ServerSettings>,
    log: Filled<LogSettings>,
    feeds: Vec<FeedDraft>,
    rules: Vec<Rule<RuleDraft>>,
    silence: Vec<Rule<SilenceDraft>>,
    wills: Vec<Rule<WillDraft>>,
}

impl Drafts {
    fn new(
        flags: &Flags,
        environment: &Environment,
        mut file: File,
        problems: &mut Problems,
    ) -> Self {
        let mut server = Filled::default();
        let mut log = Filled::default();
        for section in [&mut server as &mut dyn AnySection, &mut log] {
            section.read_file(&mut file.top, problems);
            section.read_environment(environment, problems);
            section.read_flags(flags, problems);
        }
        let rules = read_rules(flags, environment, take(&mut file.rules), problems);
        let silence = read_rules(flags, environment, take(&mut file.liveness), problems);
        let wills = read_tables(take(&mut file.wills), problems);
        let feeds = read_feeds(flags, environment, &mut file, problems);
        file.top.refuse_rest("", problems);
        Self {
            server,
            log,
            feeds,
            rules,
            silence,
            wills,
        }
    }

    fn settings(&self, warnings: Vec<String>, problems: &mut Problems) -> Settings {
        let feeds: Vec<_> = self.feeds.iter().map(FeedDraft::settings).collect();
        if problems.0.is_empty() {
            for feed in &feeds {
                problems.note(feed.check().map_err(|error| error.to_string()));
            }
        }
        Settings {
            server: self.server.value.clone(),
            feeds,
            decode: self.rules.iter().map(|rule| rule.rule.clone()).collect(),
            liveness: LivenessSettings {
                silence: self.silence.iter().map(|rule| rule.rule.clone()).collect(),
                wills: self.wills.iter().map(|rule| rule.rule.clone()).collect(),
            },
            log: self.log.value.clone(),
            warnings,
        }
    }

    fn print(&self) -> String {
        let mut text = String::from("# The effective settings, and where each comes from.\n\n");
        print::section(&mut text, &self.server);
        print::section(&mut text, &self.log);
        if self.feeds.is_empty() {
            text.push_str("\n[[feed]]\nkind = \"none\"\n");
        }
        for feed in &self.feeds {
            feed.print(&mut text);
        }
        self.rules.iter().for_each(|rule| rule.print(&mut text));
        self.silence.iter().for_each(|rule| rule.print(&mut text));
        self.wills.iter().for_each(|rule| rule.print(&mut text));
        text
    }
}
