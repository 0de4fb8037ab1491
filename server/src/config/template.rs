//! What `tickcast-server config` prints: a file with every setting, of which none is set.
//!
//! A line that begins with `#` and a key is a setting at its default, or a key of an example. A
//! comment has a space after its `#`. So a reader, and a test, can tell them apart.

use std::ffi::OsString;

use clap::{Arg, Command};

use super::{
    entry::{Section, variable},
    section::assignment,
    text::written,
};
use crate::{
    output::settings::OutputKeys,
    settings::{
        Top,
        decode::DecodeKeys,
        field::{command, is_list, key, text},
        kinds::Kinds,
        listen::ListenKeys,
        liveness::{SilenceKeys, WillKeys},
    },
};

/// Longest line of a comment, in characters.
const COLUMNS_MAX: usize = 100;

const HEAD: &str = "\
# The settings of tickcast-server, all at their defaults.
#
# To change one, remove the # at its beginning. A line with a space after its # explains, or shows
# the form of a setting that has no default. Above each setting are its form, its default and its
# environment variable, which has precedence over this file. Flags have precedence over both.
# `tickcast-server --config FILE --check` says what is wrong with a file.
#
# Forms: TIME is such as 250ms, 10s, 5m or 1h. SIZE is such as 65536, 64KiB or 10MB. A list is in
# brackets, such as [\"a\", \"b\"].
";

const TABLES: &str = "
# --- Tables ---
#
# What is in tables may be there several times. Each table below is an example. To use one, remove
# the # of its heading and of its lines that set something.
";

/// A table: its section, its kind if it is a feed, what it is for, and the keys of its example that
/// have no default.
struct Example {
    section: Section,
    kind: Option<&'static str>,
    purpose: &'static str,
    keys: &'static [(&'static str, &'static [&'static str])],
}

const EXAMPLES: [Example; 11] = [
    Example {
        section: Section::Feed,
        kind: Some("simulated"),
        purpose: "A feed: a simulated market and simulated sensors. Without any table of a feed \
                  this one runs. For no feed, set kind to none and nothing else.",
        keys: &[],
    },
    Example {
        section: Section::Feed,
        kind: Some("mqtt"),
        purpose: "A feed: an MQTT broker.",
        keys: &[],
    },
    Example {
        section: Section::Feed,
        kind: Some("websocket"),
        purpose: "A feed: messages of another WebSocket server.",
        keys: &[("url", &["wss://stream.example/ws"])],
    },
    Example {
        section: Section::Feed,
        kind: Some("program"),
        purpose: "A feed: lines that a program prints, each as in TOPIC VALUE.",
        keys: &[(
            "shell",
            &["while sleep 1; do echo \"host/number $$\"; done"],
        )],
    },
    Example {
        section: Section::Feed,
        kind: Some("replay"),
        purpose: "A feed: recorded files.",
        keys: &[("file", &["market/EUR-USD/quote=quotes.csv"])],
    },
    Example {
        section: Section::Feed,
        kind: Some("stdin"),
        purpose: "A feed: lines on standard input, each as in TOPIC VALUE.",
        keys: &[],
    },
    Example {
        section: Section::Listen,
        kind: None,
        purpose: "A listener. With such tables the setting listen above must not be in this file.",
        keys: &[("address", &["127.0.0.1:7401"])],
    },
    Example {
        section: Section::Output,
        kind: None,
        purpose: "An output: where the newest values go besides clients.",
        keys: &[("mqtt", &["mqtt://localhost:1883"])],
    },
    Example {
        section: Section::Decode,
        kind: None,
        purpose: "A rule for reading payloads. The first one that matches a topic counts. Rules \
                  have more keys, which docs/operations.md describes under \"Payloads\".",
        keys: &[
            ("filter", &["plant/+/temperature"]),
            ("format", &["number"]),
            ("unit", &["°C"]),
        ],
    },
    Example {
        section: Section::Liveness,
        kind: None,
        purpose: "When topics without updates are stale, and when they are dead.",
        keys: &[
            ("filter", &["plant/#"]),
            ("expect_every", &["5s"]),
            ("dead_after", &["10m"]),
        ],
    },
    Example {
        section: Section::Wills,
        kind: None,
        purpose: "Topics that are dead when a message says so, such as the will of a device.",
        keys: &[
            ("topic", &["plant/+/status"]),
            ("dead_if", &["offline"]),
            ("topics", &["plant/+/#"]),
        ],
    },
];

/// The first argument that asks for the file.
pub(super) const NAME: &str = "config";

/// The text that is asked for: the file, or how to get it. `args` begin with [`NAME`].
pub(super) fn load(args: &[OsString]) -> Result<String, String> {
    let command = Command::new("tickcast-server config")
        .bin_name("tickcast-server config")
        .about("Prints a file with all settings at their defaults, each as a comment.");
    match command.try_get_matches_from(args) {
        Ok(_) => Ok(file()),
        Err(error) if error.use_stderr() => Err(error.render().to_string().trim_end().into()),
        Err(error) => Ok(error.render().to_string()),
    }
}

/// The file.
fn file() -> String {
    let mut text = String::from(HEAD);
    let mut heading = None;
    for arg in command::<Top>().get_arguments() {
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            text.push_str(&format!("\n# --- {} ---\n", heading.unwrap_or_default()));
        }
        text.push_str(&setting(arg, Some(&variable(key(arg))), None));
    }
    text.push_str(TABLES);
    let kinds = Kinds::new();
    text.extend(EXAMPLES.iter().map(|example| table(example, &kinds)));
    text
}

fn table(example: &Example, kinds: &Kinds) -> String {
    let name = example.section.name().unwrap_or_default();
    let purpose = comment(example.purpose);
    let mut text = format!("\n# --- [[{name}]] ---\n\n{purpose}#[[{name}]]\n");
    let (prefix, command) = match example.kind {
        Some(kind) => {
            text.push_str(&format!(
                "#kind = {}\n#name = {}\n",
                written(kind),
                written(kind)
            ));
            let mut sections = kinds.sections();
            let found = sections.find(|(_, command)| command.get_name() == kind);
            let (prefix, command) = found.expect("each kind has a section");
            (Some(prefix), command.clone())
        }
        None => (None, keys_of(example.section)),
    };
    for arg in command.get_arguments() {
        let (_, texts) = example
            .keys
            .iter()
            .find(|(name, _)| *name == key(arg))
            .copied()
            .unzip();
        let variable = prefix
            .as_ref()
            .map(|prefix| variable(&format!("{prefix}{}", key(arg))));
        // The many keys of a rule have no texts.
        if arg.get_help().is_some() {
            text.push_str(&setting(arg, variable.as_deref(), texts));
        } else if let Some(texts) = texts {
            let texts: Vec<_> = texts.iter().map(ToString::to_string).collect();
            let line = assignment(arg, &texts).expect("an example has a value");
            text.push_str(&format!("#{line}\n"));
        }
    }
    text
}

fn keys_of(section: Section) -> Command {
    match section {
        Section::Top => command::<Top>(),
        Section::Feed => Command::new("feed"),
        Section::Decode => command::<DecodeKeys>(),
        Section::Liveness => command::<SilenceKeys>(),
        Section::Wills => command::<WillKeys>(),
        Section::Listen => command::<ListenKeys>(),
        Section::Output => command::<OutputKeys>(),
    }
}

/// A setting below its text, at its default or at the value of an example.
fn setting(arg: &Arg, variable: Option<&str>, example: Option<&[&str]>) -> String {
    let form = arg.get_value_names().and_then(|names| names.first());
    let form = form.map_or_else(String::new, ToString::to_string);
    let repeated = if is_list(arg) { "list of " } else { "" };
    let defaults = defaults(arg);
    let default = match (defaults.as_slice(), is_list(arg)) {
        ([], true) => "; default []".to_owned(),
        // Its text tells the default, if it has one.
        ([], false) => String::new(),
        (texts, _) => format!("; default {}", texts.join(", ")),
    };
    let variable = variable.map_or_else(String::new, |variable| format!("; {variable}"));
    let about = format!("{repeated}{form}{default}{variable}");
    let texts = example.map(|texts| texts.iter().map(ToString::to_string).collect());
    let line = match assignment(arg, &texts.unwrap_or(defaults)) {
        Some(line) => format!("#{line}\n"),
        None => format!("# {} = {}\n", key(arg), toml::Value::from(form)),
    };
    format!(
        "\n{}{}{line}",
        comment(&format!("{}.", text(arg))),
        comment(&about)
    )
}

/// The default of a setting, unless it depends on the machine.
fn defaults(arg: &Arg) -> Vec<String> {
    let texts = arg.get_default_values().iter();
    let texts = texts.filter(|_| !arg.is_hide_default_value_set());
    texts
        .map(|text| text.to_string_lossy().into_owned())
        .collect()
}

/// A text as lines of comments.
fn comment(text: &str) -> String {
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > COLUMNS_MAX {
            lines.push_str(&line);
            lines.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    lines + &line + "\n"
}
