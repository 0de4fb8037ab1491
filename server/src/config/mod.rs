//! Settings from flags, environment variables, a TOML file and defaults, in this precedence.
//!
//! A setting is one field of a struct that derives [`clap::Args`], see `crate::settings`. Its
//! doc comment is its text in `--help`, in `--print-config` and in docs/operations.md; its
//! attribute says what is accepted and what the default is. Flags, variables and the file only
//! deliver texts, and clap checks each text as if it were a flag of the struct. So every source
//! accepts the same values, and all problems are reported at once.
//!
//! No layering library is used. figment knows a value's file but not its line, confique forgets
//! where a value came from, and both stop at the first problem. The spans of `toml` have the line,
//! and what is left of layering is one map from keys to texts and their origin.

mod command_line;
mod entry;
mod feeds;
mod file;
mod listeners;
mod outputs;
mod problem;
mod rules;
mod section;
mod summary;
mod syntax;
mod template;
mod text;
mod try_decode;
mod unknown;

use std::ffi::OsString;

use clap::error::ErrorKind;
use tickcast_core::sequencer::liveness::LivenessSettings;

pub use crate::cluster::ClusterSettings;
pub use crate::settings::data::{DataSettings, Durability, OnDataFailure};
pub use crate::settings::{LogSettings, OnFailure, Settings};
use crate::{
    auth::make_token,
    settings::{
        Top,
        decode::DecodeKeys,
        field::{command, message, question},
        kinds::Kinds,
        liveness::{SilenceKeys, WillKeys},
    },
};
use entry::{Entry, Origin, Section, is_kubernetes, read_environment, variable};
use feeds::{FeedDraft, Feeds};
use file::{Contents, Table};
use problem::{Problem, in_order};
use rules::{build_rules, read_rules};
use section::Draft;

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// To run the server.
    Run(Box<Settings>),
    /// To print a text on standard output and exit with success: help, version, the effective
    /// settings, or what the server will do with them.
    Print(String),
}

/// Everything that is wrong with the settings, one line each: first what flags and variables say,
/// then the file from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct ConfigError {
    /// Each names the place, the value, and what is expected.
    pub problems: Vec<String>,
}

impl From<String> for ConfigError {
    fn from(problem: String) -> Self {
        let problems = vec![problem];
        Self { problems }
    }
}

/// Reads all settings and checks them; opens the files that feeds are to read.
///
/// `args` begin with the program's name. Of `environment` only `TICKCAST_...` is used.
pub fn load(
    args: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Command, ConfigError> {
    let args: Vec<_> = args.into_iter().collect();
    if args.get(1).is_some_and(|first| first == template::NAME) {
        return Ok(Command::Print(template::load(&args[1..])?));
    }
    let (top, kinds) = (command::<Top>(), Kinds::new());
    let sections = [(String::new(), &top)].into_iter().chain(kinds.sections());
    let command = command_line::command(sections);
    let (general, flags) = match command_line::parse(&command, args) {
        Ok(parsed) => parsed,
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                return Ok(Command::Print(error.render().to_string()));
            }
            _ => return Err(message(&command, &error).into()),
        },
    };
    if let Some([subject, role]) = general.make_token.as_deref() {
        return Ok(Command::Print(make_token(subject, role)));
    }
    let mut given = read_environment(environment);
    let keys: Vec<_> = command_line::keys(&command).collect();
    let unknown = given.extract_if(.., |entry| !keys.contains(&entry.key.as_str()));
    let unknown = unknown.filter(|entry| !is_kubernetes(entry));
    let warnings: Vec<_> = unknown
        .map(|Entry { key, origin, .. }| {
            let question = question(&command, &key.replace('_', "-"), variable);
            let text = format!("{origin} is set, but there is no such setting{question}");
            Problem::new(&origin, text)
        })
        .collect();
    given.extend(flags);

    let path = given.iter().rfind(|entry| entry.key == "config");
    let file = match path.map(|entry| (entry.texts.as_deref(), &entry.origin)) {
        Some((Ok([path]), _)) => file::read(path)?,
        Some((Err(problem), origin)) => return Err(format!("{origin}: {problem}").into()),
        _ => Contents::default(),
    };
    let drafts = Drafts::read(top, &kinds, &given, &file.tables);
    let warned = warnings.iter().filter(|_| general.check);
    let problems = warned.cloned().chain(file.problems).collect();
    let settings = drafts.settings(&kinds, in_order(warnings), problems)?;
    if let Some([topic, payload]) = general.try_decode.as_deref() {
        let (topic, payload) = (topic.to_string_lossy(), payload.as_encoded_bytes());
        let text = try_decode::text(&settings.decode, &topic, payload);
        return Ok(Command::Print(text));
    }
    Ok(if general.print_config {
        Command::Print(drafts.print())
    } else if general.check {
        Command::Print(summary::summary(&settings))
    } else {
        Command::Run(Box::new(settings))
    })
}

/// All settings, each with its origin.
struct Drafts {
    top: Draft,
    feeds: Feeds,
    decode: Vec<Draft>,
    silence: Vec<Draft>,
    wills: Vec<Draft>,
    listeners: Vec<Draft>,
    outputs: Vec<Draft>,
}

impl Drafts {
    fn read(top: clap::Command, kinds: &Kinds, given: &[Entry], file: &[Table]) -> Self {
        let mut top = Draft::new(Origin::default_value(), Section::Top, top);
        let tables = file.iter().filter(|table| table.section == Section::Top);
        top.is_partial = tables.clone().any(|table| table.is_partial);
        top.read(tables.flat_map(|table| table.entries.clone()));
        let known: Vec<_> = given.iter().filter(|entry| top.has(&entry.key)).collect();
        top.read(known.into_iter().cloned());
        Self {
            top,
            feeds: Feeds::read(kinds, given, file),
            decode: read_rules::<DecodeKeys>(Section::Decode, given, file),
            silence: read_rules::<SilenceKeys>(Section::Liveness, given, file),
            wills: read_rules::<WillKeys>(Section::Wills, given, file),
            listeners: listeners::read(file),
            outputs: outputs::read(file),
        }
    }

    /// The settings, or all problems.
    fn settings(
        &self,
        kinds: &Kinds,
        warnings: Vec<String>,
        mut problems: Vec<Problem>,
    ) -> Result<Settings, ConfigError> {
        let feeds = self.feeds.feeds.iter().map(|feed| &feed.draft);
        let rules = [&self.decode, &self.silence, &self.wills];
        let rules = rules.into_iter().chain([&self.listeners, &self.outputs]);
        let tables = feeds.chain(rules.flatten());
        for draft in [&self.top].into_iter().chain(tables) {
            problems.extend(draft.problems.clone());
            problems.extend(unknown::problems(draft, &self.top.command, kinds));
        }
        problems.extend(self.feeds.problems.clone());
        let decode = build_rules::<DecodeKeys, _>(&self.decode, &mut problems);
        let liveness = LivenessSettings {
            silence: build_rules::<SilenceKeys, _>(&self.silence, &mut problems),
            wills: build_rules::<WillKeys, _>(&self.wills, &mut problems),
        };
        let Top {
            server,
            data,
            cluster,
            log,
        } = self.top.build()?;
        let listeners = listeners::build(&self.listeners, &self.top, &server, &mut problems);
        if !self.top.is_partial
            && let Err((key, reason)) = server.check(&listeners)
        {
            let origin = self.top.origin_of(key);
            let text = format!("{} {reason}", origin.place(Section::Top, key));
            problems.push(Problem::new(&origin, text));
        }
        let unused = [
            (data.unused(), "data"),
            (cluster.unused(), "cluster_servers"),
        ];
        for (key, needed) in unused {
            let key = key.filter(|_| !self.top.is_partial);
            problems.extend(key.map(|key| self.useless(key, needed)));
        }
        let mut feeds = Vec::new();
        if problems.is_empty() {
            for draft in &self.feeds.feeds {
                let feed = draft.settings(kinds)?;
                problems.extend(feed.check().err().map(|error| draft.problem(&error)));
                feeds.push(feed);
            }
        }
        let outputs = outputs::build(&self.outputs, &feeds, &mut problems);
        if problems.is_empty() {
            listeners::check_files(&self.listeners, &listeners, &mut problems);
        }
        if !problems.is_empty() {
            let problems = in_order(problems);
            return Err(ConfigError { problems });
        }
        Ok(Settings {
            server,
            listeners,
            feeds,
            outputs,
            data,
            cluster,
            decode: decode.into(),
            liveness,
            log,
            warnings,
        })
    }

    /// A setting has no effect without another one.
    fn useless(&self, key: &str, needed: &str) -> Problem {
        let origin = self.top.origin_of(key);
        let place = origin.place(Section::Top, key);
        let text = format!("{place} has no effect without {needed}: set {needed}, or leave it out");
        Problem::new(&origin, text)
    }

    /// A file that could be read again.
    fn print(&self) -> String {
        let mut text = String::from("# The effective settings, and where each comes from.\n");
        let has_tables = !self.listeners.is_empty();
        let replaced: &[_] = if has_tables { &["listen"] } else { &[] };
        text.push_str(&self.top.print_without(replaced));
        if self.feeds.feeds.is_empty() {
            text.push_str("\n[[feed]]\nkind = \"none\"\n");
        }
        text.extend(self.feeds.feeds.iter().map(FeedDraft::print));
        text.push_str(&listeners::print(&self.listeners, &self.top));
        text.extend(self.outputs.iter().map(Draft::print_table));
        let rules = [&self.decode, &self.silence, &self.wills];
        text.extend(rules.into_iter().flatten().map(Draft::print_table));
        text
    }
}
