//! The TOML file, with the line of every key.

use std::{fs::File, io::Read};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{
    entry::{Entry, Origin},
    text::texts,
};

/// Longest file. A wrong file that was named by mistake is likely to be longer.
const MAX_BYTES: u64 = 1024 * 1024;

/// The names that tables may have.
const TABLES: [&str; 4] = ["feed", "decode", "liveness", "wills"];

/// A table `[[name]]`: where it begins, and its keys. What is in no table has no name.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) entries: Vec<Entry>,
}

/// Reads and parses a file. The error names it.
pub(super) fn read(path: &str) -> Result<Vec<Table>, String> {
    let mut text = String::new();
    let file = File::open(path).map(|file| file.take(MAX_BYTES + 1));
    file.and_then(|mut file| file.read_to_string(&mut text))
        .map_err(|error| format!("file {path}: {error}"))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("file {path}: too long (limit {MAX_BYTES} bytes)"));
    }
    let origin = |at: usize| {
        let line = 1 + text[..at].matches('\n').count();
        Origin::new(Origin::FILE, format!("{path}, line {line}"))
    };
    let document = DeTable::parse(&text).map_err(|error| {
        let origin = origin(error.span().map_or(0, |span| span.start));
        format!("{origin}: {}", error.message().replace('\n', ", "))
    })?;
    let entry = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| Entry {
        key: key.get_ref().to_string(),
        texts: texts(value.get_ref()),
        origin: origin(key.span().start),
    };
    let table = |name: &str, at: usize, entries: Vec<Entry>| {
        let (name, origin) = (name.into(), origin(at));
        Table {
            name,
            origin,
            entries,
        }
    };
    let mut tables = vec![table("", 0, Vec::new())];
    for (key, value) in document.get_ref() {
        let (name, at) = (key.get_ref().as_ref(), key.span().start);
        if !TABLES.contains(&name) {
            tables[0].entries.push(entry((key, value)));
            continue;
        }
        let origin = origin(at);
        let problem = || format!("{origin}: {name} is not a list of tables: write [[{name}]]");
        for keys in value.get_ref().as_array().ok_or_else(problem)?.iter() {
            let entries = keys.get_ref().as_table().ok_or_else(problem)?.iter();
            tables.push(table(name, keys.span().start, entries.map(entry).collect()));
        }
    }
    Ok(tables)
}
