//! The command line: general flags, and one flag for each key of the sections.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches, parser::ValueSource};

use super::entry::{Entry, Origin, variable};
use crate::settings::{
    General,
    field::{is_list, key, text},
};

/// The command line, with a flag for each key of the sections after its prefix. It only checks
/// names: values come from other places, too.
pub(super) fn command<'a>(sections: impl Iterator<Item = (String, &'a Command)>) -> Command {
    let general = General::command().mut_args(|arg| match is_setting(&arg) {
        true => described(arg),
        false => arg,
    });
    sections.fold(general, |command, (prefix, section)| {
        let args = section.get_arguments().map(|arg| {
            let key = format!("{prefix}{}", key(arg));
            described(arg.clone().long(key.replace('_', "-")).id(key))
        });
        command.args(args)
    })
}

/// Takes any text, and names the environment variable in its help.
fn described(arg: Arg) -> Arg {
    let repeated = if is_list(&arg) {
        ". May be repeated"
    } else {
        ""
    };
    let help = format!("{}{repeated} [env: {}]", text(&arg), variable(key(&arg)));
    // "-05:00" and "-1" are values, not flags. The setting's own parser may still refuse them.
    arg.help(help)
        .num_args(1)
        .value_parser(clap::value_parser!(String))
        .allow_hyphen_values(true)
}

/// All keys that have an environment variable.
pub(super) fn keys(command: &Command) -> impl Iterator<Item = &str> {
    let args = command.get_arguments();
    args.filter(|arg| is_setting(arg)).map(key)
}

/// Whether a flag sets something. The others say what to do instead of running.
fn is_setting(arg: &Arg) -> bool {
    !matches!(arg.get_action(), ArgAction::SetTrue)
        && !["try_decode", "make_token"].contains(&arg.get_id().as_str())
}

/// The general flags, and what all flags give. An error is help, the version, or what is wrong.
pub(super) fn parse(
    command: &Command,
    args: impl IntoIterator<Item = OsString>,
) -> Result<(General, Vec<Entry>), clap::Error> {
    let matches = command.clone().try_get_matches_from(args)?;
    let given = keys(command)
        .filter(|key| matches.value_source(key) == Some(ValueSource::CommandLine))
        .map(|key| {
            let texts = matches.get_many::<String>(key).into_iter().flatten();
            let texts = Ok(texts.cloned().collect());
            let origin = Origin::new(Origin::FLAG, format!("--{}", key.replace('_', "-")));
            Entry {
                key: key.into(),
                texts,
                origin,
            }
        });
    Ok((General::from_arg_matches(&matches)?, given.collect()))
}
