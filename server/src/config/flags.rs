//! The command line. The only file that names clap.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

use clap::{Arg, ArgAction, builder::StyledStr, error::ErrorKind};

use super::{
    ENVIRONMENT_PREFIX,
    section::{Kind, Section, Setting, environment_name, flag_name},
    tables::{Visitor, visit_sections},
};

/// What stands on the command line.
#[derive(Debug, Default)]
pub(super) struct Flags {
    pub(super) config: Option<String>,
    pub(super) check: bool,
    pub(super) print_config: bool,
    /// By the flag's name without dashes.
    values: BTreeMap<String, Vec<String>>,
}

/// Why there are no flags.
#[derive(Debug)]
pub(super) enum NoFlags {
    /// Help or the version was asked for.
    Print(String),
    Problem(String),
}

/// Flags that are no setting of a section: key, value name, help, and whether it is a list.
const GENERAL: [(&str, &str, &str, Kind); 4] = [
    (
        "config",
        "FILE",
        "A TOML file with settings; flags go before the environment, and that before the file",
        Kind::One,
    ),
    (
        "feed",
        "KIND",
        "Where updates come from: simulated, mqtt, replay, stdin or none (then only clients \
         publish). Repeat it for several at once [default: simulated]",
        Kind::List,
    ),
    (
        "decode",
        "FILTER=FORMAT",
        "How payloads of matching topics are read: auto, number, text, bytes or json with pointers, \
         as in \"market/+/trade=json,price=/p,size=/q,time=/T,time_unit=ms\". May be repeated; the \
         first match holds",
        Kind::List,
    ),
    (
        "liveness",
        "FILTER=TIME",
        "How often topics are to be heard of: topics that were silent for three times as long are \
         stale. \"learned\" goes by what they did so far; \"plant/#=5s,dead_after=10m\" says when they \
         are dead. May be repeated; the first match holds",
        Kind::List,
    ),
];

impl Flags {
    pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, NoFlags> {
        let mut matches = command().try_get_matches_from(args).map_err(|error| {
            let text = error.render().to_string();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => NoFlags::Print(text),
                _ => NoFlags::Problem(one_line(&text)),
            }
        })?;
        let mut values = BTreeMap::new();
        for name in matches.ids().map(ToString::to_string).collect::<Vec<_>>() {
            if let Ok(Some(texts)) = matches.try_remove_many::<String>(&name) {
                values.insert(name, texts.collect());
            }
        }
        let config: Option<Vec<String>> = values.remove("config");
        Ok(Self {
            config: config.and_then(|mut paths| paths.pop()),
            check: matches.get_flag("check"),
            print_config: matches.get_flag("print-config"),
            values,
        })
    }

    /// The values of a flag, if it is there.
    pub(super) fn get(&self, name: &str) -> Option<&[String]> {
        self.values.get(name).map(Vec::as_slice)
    }
}

/// clap's message without its usage.
fn one_line(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let parts = text
        .split("\n\n")
        .take_while(|part| !part.starts_with("Usage:"));
    let parts: Vec<_> = parts
        .filter(|part| !part.starts_with("For more information"))
        .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    parts.join("; ")
}

fn command() -> clap::Command {
    let mut command = clap::Command::new("tickcast-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Pushes live market and sensor data to many WebSocket subscribers")
        .after_help(
            "Each setting can be given as a flag, as an environment variable or in the file.",
        );
    for (name, value_name, help, kind) in GENERAL {
        let help = format!(
            "{help} [env: {ENVIRONMENT_PREFIX}{}]",
            environment_name("", name)
        );
        command = command.arg(arg(name.into(), value_name, help, kind));
    }
    let check = Arg::new("check")
        .long("check")
        .help("Read the settings, say what is wrong with them, and end");
    let print_config = Arg::new("print-config")
        .long("print-config")
        .help("Print all settings with their effective values and where each comes from, and end");
    command = command
        .arg(check.action(ArgAction::SetTrue))
        .arg(print_config.action(ArgAction::SetTrue));
    let mut builder = Builder { command };
    visit_sections(&mut builder);
    builder.command
}

/// Adds the flags of each section.
struct Builder {
    command: clap::Command,
}

impl Visitor for Builder {
    fn visit<T: Section>(&mut self) {
        let defaults = T::defaults();
        for setting in T::SETTINGS {
            let name = flag_name(T::PREFIX, setting.key);
            let help = help(setting, &defaults);
            let arg = arg(name, setting.value_name, help, setting.kind);
            let command = std::mem::take(&mut self.command);
            self.command = command.arg(arg.help_heading(T::TITLE));
        }
    }
}

fn arg(name: String, value_name: &'static str, help: String, kind: Kind) -> Arg {
    let action = match kind {
        Kind::List => ArgAction::Append,
        Kind::One | Kind::Secret => ArgAction::Set,
    };
    Arg::new(name.clone())
        .long(name)
        .value_name(value_name)
        .help(StyledStr::from(help))
        .action(action)
        // "-05:00" and "-1" are values, not flags; that the second is a bad one is said better by us.
        .allow_hyphen_values(true)
}

fn help<T: Section>(setting: &Setting<T>, defaults: &T) -> String {
    let mut help = setting.help.to_owned();
    if setting.kind == Kind::List {
        help.push_str(". May be repeated");
    }
    if let Some(default) = (setting.get)(defaults) {
        help.push_str(" [default: ");
        help.push_str(&match default {
            toml::Value::String(text) => text,
            toml::Value::Array(list) if list.is_empty() => "none".into(),
            other => other.to_string(),
        });
        help.push(']');
    }
    let name = environment_name(T::PREFIX, setting.key);
    help.push_str(&format!(" [env: {ENVIRONMENT_PREFIX}{name}]"));
    help
}

/// All environment variables that are settings, without `TICKCAST_`.
pub(super) fn environment_names() -> BTreeSet<String> {
    struct Names(BTreeSet<String>);

    impl Visitor for Names {
        fn visit<T: Section>(&mut self) {
            let name = |setting: &Setting<T>| environment_name(T::PREFIX, setting.key);
            self.0.extend(T::SETTINGS.iter().map(name));
        }
    }

    let general = GENERAL.iter().map(|(key, ..)| environment_name("", key));
    let mut names = Names(general.collect());
    visit_sections(&mut names);
    names.0
}
