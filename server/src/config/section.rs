//! A group of settings that fill one struct, and where each got its value.

use std::fmt;

use super::{ENVIRONMENT_PREFIX, Environment, Problems, file::Table, flags::Flags};

/// One setting of a struct `T`.
pub(super) struct Setting<T> {
    /// Its key in the file; the flag and the environment variable are made of it.
    pub(super) key: &'static str,
    /// What stands for the value in the help text.
    pub(super) value_name: &'static str,
    /// What it does, for the help text.
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    /// Parses it and puts it in its place; one text unless it is a list.
    pub(super) set: fn(&mut T, &[String]) -> Result<(), String>,
    /// What it is now. `None` if it is not set.
    pub(super) get: fn(&T) -> Option<toml::Value>,
}

/// What kind of setting it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    One,
    List,
    /// Must not be printed.
    Secret,
}

/// A struct that is filled from settings.
pub(super) trait Section: Clone + 'static {
    /// What flags and environment variables begin with; keys in the file do not.
    const PREFIX: &'static str;
    /// The heading in the help text.
    const TITLE: &'static str;
    /// All settings.
    const SETTINGS: &'static [Setting<Self>];

    /// What holds if nothing is said.
    fn defaults() -> Self;
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Default,
    /// The file's name and line.
    File(String, usize),
    /// The variable's name.
    Environment(String),
    /// The flag's name.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(name, line) => write!(f, "{name}, line {line}"),
            Self::Environment(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

impl Origin {
    /// How an error about the setting `key` begins: only the file does not name it already.
    fn place(&self, key: &str) -> String {
        match self {
            Self::File(..) => format!("{self}: {key}"),
            _ => self.to_string(),
        }
    }

    /// With the word for what it is.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Default => "default".into(),
            Self::File(..) => format!("file {self}"),
            Self::Environment(name) => format!("environment {name}"),
            Self::Flag(name) => format!("flag {name}"),
        }
    }
}

/// The name of a setting's flag, without the dashes.
pub(super) fn flag_name(prefix: &str, key: &str) -> String {
    join(prefix, key).replace('_', "-")
}

/// The name of a setting's environment variable, without `TICKCAST_`.
pub(super) fn environment_name(prefix: &str, key: &str) -> String {
    join(prefix, key).to_uppercase()
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.into()
    } else {
        format!("{prefix}_{key}")
    }
}

/// A struct with the origin of each of its settings.
#[derive(Debug, Clone)]
pub(super) struct Filled<T> {
    pub(super) value: T,
    /// In the order of the settings.
    origins: Vec<Origin>,
}

impl<T: Section> Default for Filled<T> {
    fn default() -> Self {
        Self {
            value: T::defaults(),
            origins: vec![Origin::Default; T::SETTINGS.len()],
        }
    }
}

/// What can be said of a setting without its struct's type.
pub(super) struct Line {
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    pub(super) value: Option<toml::Value>,
    pub(super) origin: Origin,
}

/// A [`Filled`] of any struct.
pub(super) trait AnySection {
    fn read_file(&mut self, table: &mut Table, problems: &mut Problems);
    fn read_environment(&mut self, environment: &Environment, problems: &mut Problems);
    fn read_flags(&mut self, flags: &Flags, problems: &mut Problems);
    /// Takes one setting. `false` if there is none with that key.
    fn take(
        &mut self,
        key: &str,
        texts: &[String],
        origin: Origin,
        problems: &mut Problems,
    ) -> bool;
    fn lines(&self) -> Vec<Line>;
}

impl<T: Section> Filled<T> {
    fn set(&mut self, index: usize, texts: &[String], origin: Origin) -> Result<(), String> {
        let setting = &T::SETTINGS[index];
        let place = origin.place(setting.key);
        if setting.kind != Kind::List && texts.len() != 1 {
            return Err(format!("{place}: it is one value, not a list"));
        }
        (setting.set)(&mut self.value, texts).map_err(|problem| match (setting.kind, texts) {
            (Kind::One, [text]) => format!("{place} {text:?}: {problem}"),
            _ => format!("{place}: {problem}"),
        })?;
        self.origins[index] = origin;
        Ok(())
    }
}

impl<T: Section> AnySection for Filled<T> {
    fn read_file(&mut self, table: &mut Table, problems: &mut Problems) {
        for (index, setting) in T::SETTINGS.iter().enumerate() {
            let Some(entry) = table.take(setting.key) else {
                continue;
            };
            let result = entry
                .texts(setting.key)
                .and_then(|texts| self.set(index, &texts, entry.origin()));
            problems.note(result);
        }
    }

    fn read_environment(&mut self, environment: &Environment, problems: &mut Problems) {
        for (index, setting) in T::SETTINGS.iter().enumerate() {
            let name = environment_name(T::PREFIX, setting.key);
            let texts = match setting.kind {
                Kind::List => environment.list(&name),
                _ => environment.get(&name).map(|text| Ok(vec![text])),
            };
            let Some(texts) = texts else {
                continue;
            };
            let origin = Origin::Environment(format!("{ENVIRONMENT_PREFIX}{name}"));
            problems.note(texts.and_then(|texts| self.set(index, &texts, origin)));
        }
    }

    fn read_flags(&mut self, flags: &Flags, problems: &mut Problems) {
        for (index, setting) in T::SETTINGS.iter().enumerate() {
            let name = flag_name(T::PREFIX, setting.key);
            if let Some(texts) = flags.get(&name) {
                problems.note(self.set(index, texts, Origin::Flag(format!("--{name}"))));
            }
        }
    }

    fn take(
        &mut self,
        key: &str,
        texts: &[String],
        origin: Origin,
        problems: &mut Problems,
    ) -> bool {
        let index = T::SETTINGS.iter().position(|setting| setting.key == key);
        if let Some(index) = index {
            problems.note(self.set(index, texts, origin));
        }
        index.is_some()
    }

    fn lines(&self) -> Vec<Line> {
        let line = |(setting, origin): (&Setting<T>, &Origin)| Line {
            key: setting.key,
            kind: setting.kind,
            value: (setting.get)(&self.value),
            origin: origin.clone(),
        };
        T::SETTINGS.iter().zip(&self.origins).map(line).collect()
    }
}
