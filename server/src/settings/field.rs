//! Settings as clap knows them: the fields of a struct that derives [`Args`].
//!
//! clap has each field's text, default and parser. Whatever the source, a value is checked as if it
//! were that struct's flag: so one parser per setting serves flags, variables and the file.

use std::{any::TypeId, error::Error};

use clap::{
    Arg, ArgAction, Args, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    cluster::settings::NatsUrl,
    feed::{
        program::Variable,
        websocket::{Header, WebsocketUrl},
    },
    mqtt::{HIDDEN, MqttUrl, Secret},
};

/// The settings of a struct, see [`settings`].
pub(crate) fn command<T: Args>() -> Command {
    settings(T::augment_args(Command::new("settings")))
}

/// Gives each field a flag, whose id is the key in the file. A flag without a value is an empty
/// list.
pub(crate) fn settings(command: Command) -> Command {
    let command = command.no_binary_name(true).disable_help_flag(true);
    command.mut_args(|arg| {
        let (key, values_min) = (key(&arg).to_owned(), usize::from(!is_list(&arg)));
        arg.long(key).num_args(values_min..=1)
    })
}

/// A setting's name in the file.
pub(crate) fn key(arg: &Arg) -> &str {
    arg.get_id().as_str()
}

/// Whether a setting takes several values.
pub(crate) fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// A setting's text, with the values that it may have if they are few.
pub(crate) fn text(arg: &Arg) -> String {
    let text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let values = arg.get_possible_values();
    let values: Vec<_> = values.iter().map(|value| value.get_name()).collect();
    match values.as_slice() {
        [] => text,
        values => format!("{text} [values: {}]", values.join(", ")),
    }
}

/// A part of an error, if it is one text.
pub(crate) fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        _ => None,
    }
}

/// What other programs call the address to listen on.
const LISTEN_ALIASES: [&str; 6] = ["port", "host", "address", "addr", "bind", "url"];

/// `; did you mean KEY?` if a name resembles a key of `command`. `written` says how it is written.
pub(crate) fn question(command: &Command, name: &str, written: fn(&str) -> String) -> String {
    let has_listen = command.get_arguments().any(|arg| key(arg) == "listen");
    let meant = if has_listen && LISTEN_ALIASES.contains(&name) {
        Some("listen".to_owned())
    } else {
        // A flag of the command line has dashes, and a key of the file has underscores.
        let flags = command.get_arguments().filter_map(Arg::get_long);
        nearest(flags, name).map(|flag| flag.replace('-', "_"))
    };
    meant.map_or_else(String::new, |key| {
        format!("; did you mean {}?", written(&key))
    })
}

/// The one of some names that a name resembles most, if it resembles one.
pub(crate) fn nearest<'a>(names: impl Iterator<Item = &'a str>, name: &str) -> Option<String> {
    let flags = names.map(|name| Arg::new(name.to_owned()).long(name.to_owned()));
    let command = Command::new("names")
        .no_binary_name(true)
        .disable_help_flag(true);
    let error = command
        .args(flags)
        .try_get_matches_from([format!("--{name}")])
        .err()?;
    let flag = context(&error, ContextKind::SuggestedArg)?;
    Some(flag.trim_start_matches('-').to_owned())
}

/// What is wrong with the flags, after the flag that it is about.
pub(crate) fn message(command: &Command, error: &clap::Error) -> String {
    let argument = context(error, ContextKind::InvalidArg).unwrap_or_default();
    let written = |key: &str| format!("--{}", key.replace('_', "-"));
    let text = match error.kind() {
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            let name = argument.strip_prefix("--");
            let question = name.map(|name| question(command, name, written));
            format!("there is no such flag{}", question.unwrap_or_default())
        }
        ErrorKind::UnknownArgument => {
            "settings are flags, such as --config FILE: see --help".into()
        }
        ErrorKind::ArgumentConflict if context(error, ContextKind::PriorArg) == Some(argument) => {
            "it is given twice".into()
        }
        ErrorKind::TooManyValues => "it takes no value".into(),
        ErrorKind::InvalidValue
            if context(error, ContextKind::InvalidValue).is_none_or(str::is_empty) =>
        {
            "its value is missing".into()
        }
        _ => {
            let text = error.render().to_string();
            let text = text.lines().next().unwrap_or_default();
            text.trim_start_matches("error: ").to_owned()
        }
    };
    // With its values, in clap's words.
    let flag = argument.split([' ', '=']).next().unwrap_or_default();
    match flag {
        "" => text,
        flag if flag.starts_with('-') => format!("{flag}: {text}"),
        _ => format!("{argument:?}: {text}"),
    }
}

/// Why clap refuses a value.
pub(crate) fn reason(error: &clap::Error) -> String {
    match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(source), _) => source.to_string(),
        // A parser of paths refuses nothing but an empty text, and names no values.
        (None, Some(ContextValue::Strings(values))) if values.is_empty() => {
            "it is empty: give it a value, or leave it out".into()
        }
        (None, Some(ContextValue::Strings(values))) => {
            format!("expected one of {}", values.join(", "))
        }
        _ => error.kind().to_string(),
    }
}

pub(crate) fn is_secret(arg: &Arg) -> bool {
    let value = arg.get_value_parser().type_id();
    value == TypeId::of::<Secret>()
        || value == TypeId::of::<MqttUrl>()
        || value == TypeId::of::<NatsUrl>()
        || is_pair(arg)
        || is_websocket_url(arg)
}

/// Whether a value is a name and a secret.
fn is_pair(arg: &Arg) -> bool {
    let value = arg.get_value_parser().type_id();
    value == TypeId::of::<Variable>() || value == TypeId::of::<Header>()
}

fn is_websocket_url(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == TypeId::of::<WebsocketUrl>()
}

/// A value without its secrets.
pub(crate) fn shown(arg: &Arg, text: &str) -> String {
    let is_url = arg.get_value_parser().type_id() == TypeId::of::<MqttUrl>();
    match text.parse::<MqttUrl>() {
        _ if !is_secret(arg) => text.into(),
        // One with a login is refused.
        _ if arg.get_value_parser().type_id() == TypeId::of::<NatsUrl>() => text.into(),
        _ if is_websocket_url(arg) => match text.parse::<WebsocketUrl>() {
            Ok(url) if !url.has_query() => text.into(),
            Ok(url) => format!("{url}?{HIDDEN}"),
            Err(_) => HIDDEN.into(),
        },
        _ if is_pair(arg) => {
            let end = text.find(['=', ':']).map_or(0, |end| end + 1);
            format!("{}{HIDDEN}", &text[..end])
        }
        Ok(url) if is_url && !url.has_secret() => text.into(),
        Ok(url) if is_url => url.to_string(),
        _ => HIDDEN.into(),
    }
}
