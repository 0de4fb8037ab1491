//! Settings that are being collected: values of the fields of one struct, each with its origin.

use std::collections::BTreeMap;

use clap::{Arg, Args, Command, error::ContextKind};

use super::{
    entry::{Entry, Origin, Section},
    problem::Problem,
    text::written,
};
use crate::{
    mqtt::HIDDEN,
    settings::field::{context, is_list, is_secret, key, reason, shown, text},
};

/// Settings that are being collected.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// Where they begin.
    pub(super) origin: Origin,
    /// What is wrong with them so far: the place, the value, and what is expected.
    pub(super) problems: Vec<Problem>,
    /// Entries whose key is no setting of the section.
    pub(super) unknown: Vec<Entry>,
    /// Whether some of them could not be read.
    pub(super) is_partial: bool,
    pub(super) section: Section,
    pub(super) command: Command,
    values: BTreeMap<String, (Vec<String>, Origin)>,
}

impl Draft {
    pub(super) fn new(origin: Origin, section: Section, command: Command) -> Self {
        Self {
            origin,
            problems: Vec::new(),
            unknown: Vec::new(),
            is_partial: false,
            section,
            command,
            values: BTreeMap::new(),
        }
    }

    /// Takes values; later ones have precedence.
    pub(super) fn read(&mut self, entries: impl IntoIterator<Item = Entry>) {
        for entry in entries {
            if !self.has(&entry.key) {
                self.unknown.push(entry);
                continue;
            }
            let origin = entry.origin.clone();
            let result = self.set(entry).map_err(|text| Problem::new(&origin, text));
            self.problems.extend(result.err());
        }
    }

    /// Whether everything that was given could be read.
    pub(super) fn is_right(&self) -> bool {
        self.problems.is_empty() && self.unknown.is_empty() && !self.is_partial
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.command.get_arguments().any(|arg| key(arg) == name)
    }

    fn set(&mut self, entry: Entry) -> Result<(), String> {
        let (name, origin) = (&entry.key, &entry.origin);
        let Some(arg) = self.command.get_arguments().find(|arg| key(arg) == name) else {
            return Ok(());
        };
        let place = origin.place(self.section, name);
        let texts = match is_list(arg) {
            true => entry.list(true),
            false => entry.texts,
        };
        let texts = texts.map_err(|problem| format!("{place}: {problem}"))?;
        if !is_list(arg) && texts.len() != 1 {
            return Err(format!("{place}: expected one value, not a list"));
        }
        // Other keys may still be missing.
        let command = self.command.clone().mut_args(|arg| arg.required(false));
        if let Err(error) = command.try_get_matches_from(flags(name, &texts)) {
            let value = context(&error, ContextKind::InvalidValue).filter(|_| !is_secret(arg));
            let value = value.map(|value| format!(" {value:?}")).unwrap_or_default();
            return Err(format!("{place}{value}: {}", reason(&error)));
        }
        self.values.insert(name.clone(), (texts, entry.origin));
        Ok(())
    }

    /// The struct, or which key is missing.
    pub(super) fn build<T: Args>(&self) -> Result<T, String> {
        let mut args = self.command.get_arguments();
        let missing = args.find(|arg| arg.is_required_set() && !self.values.contains_key(key(arg)));
        if let Some(arg) = missing {
            return Err(format!("the key {} is missing", key(arg)));
        }
        let matches = self.command.clone().try_get_matches_from(self.flags());
        let value = matches.and_then(|matches| T::from_arg_matches(&matches));
        value.map_err(|error| reason(&error))
    }

    /// All values as flags.
    pub(super) fn flags(&self) -> impl Iterator<Item = String> {
        let values = self.values.iter();
        values.flat_map(|(key, (texts, _))| flags(key, texts))
    }

    /// Where the value of a key comes from.
    pub(super) fn origin_of(&self, key: &str) -> Origin {
        let value = self.values.get(key);
        value.map_or_else(Origin::default_value, |(_, origin)| origin.clone())
    }

    /// The value of a key that is set and no list.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        let (texts, _) = self.values.get(key)?;
        texts.first().map(String::as_str)
    }

    /// All settings, each below its text. A key without a text is left out if it is not set.
    pub(super) fn print(&self) -> String {
        self.print_without(&[])
    }

    /// All settings but some keys.
    pub(super) fn print_without(&self, keys: &[&str]) -> String {
        let args = self.command.get_arguments();
        let args = args.filter(|arg| !keys.contains(&key(arg)));
        args.map(|arg| match arg.get_help().is_some() {
            true => format!("\n# {}\n{}", text(arg), self.line(arg)),
            false if self.values.contains_key(key(arg)) => self.line(arg),
            false => String::new(),
        })
        .collect()
    }

    /// The same below its name as a heading.
    pub(super) fn print_table(&self) -> String {
        let name = self.section.name().unwrap_or_default();
        let heading = commented(&format!("[[{name}]]"), &self.origin);
        format!("\n{heading}{}", self.print())
    }

    /// What is not set or secret is a comment.
    fn line(&self, arg: &Arg) -> String {
        let key = key(arg);
        let texts = match self.values.get(key) {
            Some((texts, _)) => texts.clone(),
            None => {
                let defaults = arg.get_default_values().iter();
                defaults.map(|text| text.to_string_lossy().into()).collect()
            }
        };
        let line = assignment(arg, &texts).unwrap_or_else(|| format!("# {key} is not set"));
        commented(&line, &self.origin_of(key))
    }
}

/// A setting in the form of a file; a secret is hidden in a comment. `None` if it is not set, which
/// is not so for a list: it is empty then.
pub(super) fn assignment(arg: &Arg, texts: &[String]) -> Option<String> {
    let value = match texts {
        texts if is_list(arg) => {
            let shown: Vec<_> = texts.iter().map(|text| shown(arg, text)).collect();
            toml::Value::from(shown).to_string()
        }
        [] => return None,
        [text, ..] => written(&shown(arg, text)),
    };
    let comment = if value.contains(HIDDEN) { "# " } else { "" };
    Some(format!("{comment}{} = {value}", key(arg)))
}

/// One line with its origin as a comment.
pub(super) fn commented(line: &str, origin: &Origin) -> String {
    format!("{line:<40} # {}\n", origin.described())
}

fn flags(key: &str, texts: &[String]) -> Vec<String> {
    match texts {
        [] => vec![format!("--{key}")],
        texts => texts.iter().map(|text| format!("--{key}={text}")).collect(),
    }
}
