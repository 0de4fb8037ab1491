//! The TOML file, with the line and column of every key.

use std::{fs::File, io::Read};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{
    entry::{Entry, Origin, Section},
    problem::Problem,
    syntax::{Mistake, explain, key_of},
    text::texts,
};
use crate::settings::field::nearest;

/// Longest file. A wrong file that was named by mistake is likely to be longer.
const MAX_BYTES: u64 = 1024 * 1024;

/// The table of the settings of a cluster.
const CLUSTER: &str = "cluster";

/// A table `[[feed]]` or the like: where it begins, and its keys. One has what is in no table.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) section: Section,
    pub(super) origin: Origin,
    pub(super) entries: Vec<Entry>,
    /// Whether one of its lines cannot be parsed, so that a key may only seem to be missing.
    pub(super) is_partial: bool,
}

/// What a file says, and what is wrong with its form.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) tables: Vec<Table>,
    pub(super) problems: Vec<Problem>,
}

/// Reads and parses a file. An error is that it cannot be read.
pub(super) fn read(path: &str) -> Result<Contents, String> {
    let mut text = String::new();
    let file = File::open(path).map(|file| file.take(MAX_BYTES + 1));
    file.and_then(|mut file| file.read_to_string(&mut text))
        .map_err(|error| format!("file {path}: {error}"))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("file {path}: too long (limit {MAX_BYTES} bytes)"));
    }
    Ok(Reader { path, text: &text }.read())
}

struct Reader<'a> {
    path: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn read(&self) -> Contents {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        let mut contents = Contents::default();
        // A line that cannot be parsed is reported once, and nothing else that follows from it.
        let mut broken = Vec::new();
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            let line = self.line_number(at);
            if !broken.contains(&line) {
                let line = self.line(at);
                let (at, key, reason) = match explain(line) {
                    Some(Mistake {
                        at: byte,
                        key,
                        reason,
                    }) => (self.line_start(at) + byte, Some(key), reason),
                    None => (at, key_of(line), error.message().replace('\n', ", ")),
                };
                let origin = self.origin(at);
                let place = match key {
                    Some(key) if line.trim_start().starts_with('[') => format!("{origin}: {key}"),
                    Some(key) => origin.place(self.section(at), key),
                    None => origin.to_string(),
                };
                let text = format!("{place}: {reason}");
                contents.problems.push(Problem::new(&origin, text));
            }
            broken.extend(self.lines_lost_with(line));
        }
        let is_whole =
            |key: &Spanned<DeString<'_>>| !broken.contains(&self.line_number(key.span().start));
        let table = |section, at| Table {
            section,
            origin: self.origin(at),
            entries: Vec::new(),
            is_partial: false,
        };
        contents.tables.push(table(Section::Top, 0));
        for (key, value) in document.get_ref() {
            if !is_whole(key) {
                continue;
            }
            let name = key.get_ref().as_ref();
            let mut known = Section::TABLES.into_iter();
            let section = known.find(|section| section.name() == Some(name));
            // `listen` is an address, or tables.
            let is_table =
                |section: &Section| *section != Section::Listen || holds_tables(value.get_ref());
            let section = section.filter(is_table);
            // The settings of a cluster are above all tables as well, with its name at their front.
            if name == CLUSTER
                && let Some(keys) = value.get_ref().as_table()
            {
                let whole = keys.iter().filter(|(key, _)| is_whole(key));
                let entries = whole.map(|(key, value)| {
                    let entry = self.entry(key, value);
                    let key = format!("{CLUSTER}_{}", entry.key);
                    Entry { key, ..entry }
                });
                contents.tables[0].entries.extend(entries);
                continue;
            }
            let Some(section) = section else {
                match self.unknown_table(key, value) {
                    Some(problem) => contents.problems.push(problem),
                    None => contents.tables[0].entries.push(self.entry(key, value)),
                }
                continue;
            };
            let origin = self.origin(key.span().start);
            let problem = || {
                let text = format!("{origin}: {name} is not a list of tables: write [[{name}]]");
                Problem::new(&origin, text)
            };
            let Some(list) = value.get_ref().as_array() else {
                contents.problems.push(problem());
                continue;
            };
            for keys in list.iter() {
                let Some(entries) = keys.get_ref().as_table() else {
                    contents.problems.push(problem());
                    continue;
                };
                let whole = entries.iter().filter(|(key, _)| is_whole(key));
                contents.tables.push(Table {
                    entries: whole.map(|(key, value)| self.entry(key, value)).collect(),
                    ..table(section, keys.span().start)
                });
            }
        }
        self.mark_partial(&mut contents.tables, &broken);
        contents
    }

    /// `broken` has the numbers of lines that cannot be parsed. A table ends where the next begins.
    fn mark_partial(&self, tables: &mut [Table], broken: &[usize]) {
        let line = |table: &Table| self.line_number(table.origin.at().unwrap_or(0));
        let starts: Vec<_> = tables.iter().map(line).collect();
        for (table, start) in tables.iter_mut().zip(&starts) {
            let next = starts.iter().filter(|other| *other > start).min();
            let mut lines = broken.iter().filter(|line| *line >= start);
            table.is_partial = lines.any(|line| next.is_none_or(|next| line < next));
        }
    }

    /// A line that cannot be parsed, and if it is the heading of a table, the lines of the table.
    fn lines_lost_with(&self, number: usize) -> impl Iterator<Item = usize> {
        let is_heading = |line: &str| line.trim_start().starts_with('[');
        let mut below = self.text.lines().skip(number - 1);
        let heads = below.next().is_some_and(is_heading);
        let len = below.take_while(|line| !is_heading(line)).count();
        number..=number + if heads { len } else { 0 }
    }

    fn entry(&self, key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Entry {
        Entry {
            key: key.get_ref().to_string(),
            texts: texts(value.get_ref()),
            origin: self.origin(key.span().start),
        }
    }

    /// The table that a line of the file is in, as far as its heading can be read.
    fn section(&self, at: usize) -> Section {
        let heading = |line: &str| {
            Some(
                line.trim()
                    .strip_prefix("[[")?
                    .split(']')
                    .next()?
                    .to_owned(),
            )
        };
        let above = &self.text[..self.line_start(at)];
        let name = above.lines().rev().find_map(heading);
        let mut tables = Section::TABLES.into_iter();
        let section = tables.find(|table| table.name() == name.as_deref());
        section.unwrap_or(Section::Top)
    }

    /// What is wrong with a table whose name is none of ours.
    fn unknown_table(
        &self,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Problem> {
        // `shards = { a = 1 }` is a wrong value, and `[shards]` a wrong table.
        let starts_line = |at: usize| self.text[..at].ends_with(['\n', '[']) || at == 0;
        let at = key.span().start;
        let is_table = value.get_ref().is_table() && starts_line(value.span().start);
        if !is_table && !is_list_of_tables(value.get_ref()) {
            return None;
        }
        let (name, origin) = (key.get_ref(), self.origin(at));
        let names = Section::TABLES.iter().filter_map(|section| section.name());
        let hint = match nearest(names, name) {
            Some(known) => format!("did you mean [[{known}]]?"),
            None => "the server's own settings are above all tables, and tables are [[feed]] \
                     with a kind such as \"mqtt\", [[listen]], [[output]], [[decode]], \
                     [[liveness]] and [[wills]]"
                .into(),
        };
        let text = format!("{origin}: {name}: there is no such table; {hint}");
        Some(Problem::new(&origin, text))
    }

    fn origin(&self, at: usize) -> Origin {
        let column = 1 + self.text[self.line_start(at)..at].chars().count();
        let name = format!("{}:{}:{column}", self.path, self.line_number(at));
        Origin::in_file(name, at)
    }

    fn line_number(&self, at: usize) -> usize {
        1 + self.text[..at].matches('\n').count()
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |end| end + 1)
    }

    fn line(&self, at: usize) -> &str {
        let line = self.text[self.line_start(at)..].lines().next();
        line.unwrap_or_default()
    }
}

fn is_list_of_tables(value: &DeValue<'_>) -> bool {
    let members = value.as_array();
    members.is_some_and(|all| all.iter().any(|member| member.get_ref().is_table()))
}

fn holds_tables(value: &DeValue<'_>) -> bool {
    value.is_table() || is_list_of_tables(value)
}
