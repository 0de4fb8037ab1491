//! The TOML file, with the line of everything in it.

use std::{collections::BTreeMap, fs, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Problems, section::Origin};

/// Longest file, in bytes: somebody who names another file by mistake shall hear so at once.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// A file that has been parsed.
#[derive(Debug, Default)]
pub(super) struct File {
    /// What stands in no table.
    pub(super) top: Table,
    /// The tables `[[feed]]`.
    pub(super) feeds: Vec<Table>,
    /// The tables `[[decode]]`.
    pub(super) rules: Vec<Table>,
    /// The tables `[[liveness]]`.
    pub(super) liveness: Vec<Table>,
    /// The tables `[[wills]]`.
    pub(super) wills: Vec<Table>,
}

/// Keys and values; each is taken out by who knows it.
#[derive(Debug, Default)]
pub(super) struct Table {
    file: String,
    pub(super) line: usize,
    entries: BTreeMap<String, Entry>,
}

/// A value.
#[derive(Debug)]
pub(super) struct Entry {
    file: String,
    line: usize,
    value: Scalars,
}

#[derive(Debug)]
enum Scalars {
    One(String),
    List(Vec<String>),
    /// A type that no setting has.
    Other(&'static str),
}

impl File {
    /// Reads and parses a file. The error names it.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let problem = |error: std::io::Error| format!("file {name}: {error}");
        let bytes = fs::metadata(path).map_err(problem)?.len();
        if bytes > FILE_MAX_BYTES {
            return Err(format!(
                "file {name}: it has {bytes} bytes, {FILE_MAX_BYTES} are allowed"
            ));
        }
        let text = fs::read_to_string(path).map_err(problem)?;
        Self::parse(&name, &text)
    }

    fn parse(name: &str, text: &str) -> Result<Self, String> {
        let document = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            let message = error.message().replace('\n', ", ");
            format!("{name}, line {line}: {message}")
        })?;
        let mut file = Self {
            top: Table {
                file: name.into(),
                line: 1,
                entries: BTreeMap::new(),
            },
            ..Self::default()
        };
        for (key, value) in document.get_ref().iter() {
            let line = line_of(text, key.span().start);
            let of = key.get_ref().as_ref();
            let place = match of {
                "feed" => &mut file.feeds,
                "decode" => &mut file.rules,
                "liveness" => &mut file.liveness,
                "wills" => &mut file.wills,
                _ => {
                    file.top.insert(text, key, value);
                    continue;
                }
            };
            *place = read_tables(name, text, of, line, value.get_ref())?;
        }
        Ok(file)
    }
}

/// The tables of `[[key]]`.
fn read_tables(
    name: &str,
    text: &str,
    key: &str,
    line: usize,
    value: &DeValue<'_>,
) -> Result<Vec<Table>, String> {
    let problem = || format!("{name}, line {line}: {key} is not a list of tables: write [[{key}]]");
    let read = |value: &Spanned<DeValue<'_>>| {
        let entries = value.get_ref().as_table().ok_or_else(problem)?;
        let mut table = Table {
            file: name.into(),
            line: line_of(text, value.span().start),
            entries: BTreeMap::new(),
        };
        for (key, value) in entries.iter() {
            table.insert(text, key, value);
        }
        Ok(table)
    };
    let tables = value.as_array().ok_or_else(problem)?;
    tables.iter().map(read).collect()
}

impl Table {
    fn insert(&mut self, text: &str, key: &Spanned<impl AsRef<str>>, value: &Spanned<DeValue<'_>>) {
        let entry = Entry {
            file: self.file.clone(),
            line: line_of(text, key.span().start),
            value: Scalars::of(value.get_ref()),
        };
        self.entries.insert(key.get_ref().as_ref().into(), entry);
    }

    /// Takes the value of `key` out.
    pub(super) fn take(&mut self, key: &str) -> Option<Entry> {
        self.entries.remove(key)
    }

    /// Where the table begins.
    pub(super) fn origin(&self) -> Origin {
        Origin::File(self.file.clone(), self.line)
    }

    /// What nobody has taken is a mistake. `of` says of what the keys should have been a setting.
    pub(super) fn refuse_rest(&self, of: &str, problems: &mut Problems) {
        for (key, entry) in &self.entries {
            let origin = entry.origin();
            problems.add(format!("{origin}: {key} is no setting{of}"));
        }
    }
}

impl Entry {
    pub(super) fn origin(&self) -> Origin {
        Origin::File(self.file.clone(), self.line)
    }

    /// The value as texts, as flags and the environment give it.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, String> {
        match &self.value {
            Scalars::One(text) => Ok(vec![text.clone()]),
            Scalars::List(texts) => Ok(texts.clone()),
            Scalars::Other(kind) => Err(format!("{}: {key} cannot be a {kind}", self.origin())),
        }
    }
}

impl Scalars {
    fn of(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::Array(values) => {
                let texts = values.iter().map(|value| scalar(value.get_ref()));
                match texts.collect() {
                    Some(texts) => Self::List(texts),
                    None => Self::Other("list of lists or tables"),
                }
            }
            value => match scalar(value) {
                Some(text) => Self::One(text),
                None => Self::Other(value.type_str()),
            },
        }
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Integer(number) => {
            let number = i128::from_str_radix(number.as_str(), number.radix());
            number.ok().map(|number| number.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().into()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// A list in the form of TOML.
pub(super) fn parse_list(text: &str) -> Result<Vec<String>, String> {
    let value = DeValue::parse(text).map_err(|error| error.message().to_owned())?;
    match Scalars::of(value.get_ref()) {
        Scalars::List(texts) => Ok(texts),
        _ => Err("it is not a list of texts".into()),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    1 + before.filter(|byte| **byte == b'\n').count()
}
