//! The table of the document.

use std::{fs, path::Path, time::Duration};

use tickcast_protocol::codec::Encoding;

/// A row of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub what: String,
    pub on: Vec<Target>,
    pub gets: Wanted,
    pub when: When,
    pub counted_as: String,
}

/// What a client connects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Json,
    Bincode,
    Echo,
    Http,
}

impl Target {
    /// The encoding of messages to it.
    pub(super) fn encoding(self) -> Encoding {
        match self {
            Self::Bincode => Encoding::Bincode,
            Self::Json | Self::Echo | Self::Http => Encoding::Json,
        }
    }
}

/// What the client gets.
#[derive(Debug)]
pub(super) enum Wanted {
    /// A close frame with this code and a reason, then FIN.
    Code(u16),
    /// A close frame with the client's code, then FIN.
    SameCode,
    /// An empty close frame, then FIN.
    NoCode,
    Fin,
    Reset,
    /// It is gone.
    Nothing,
}

/// When the connection ends.
#[derive(Debug)]
pub(super) enum When {
    AtOnce,
    /// Within this sum.
    UpTo(Vec<Term>),
    /// At this sum.
    After(Vec<Term>),
}

/// A part of a time.
#[derive(Debug)]
pub(super) enum Term {
    Fixed(Duration),
    Setting(String),
}

/// The rows of the table "How a connection ends".
pub(super) fn rows() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    let document = fs::read_to_string(path).unwrap();
    let (_, section) = document.split_once("\n## How a connection ends\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let lines = section.lines().filter(|line| line.starts_with("| "));
    let rows: Vec<Row> = lines.skip(1).map(row).collect();
    assert!(rows.len() > 30, "{}", rows.len());
    rows
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [what, on, gets, when, counted_as] = cells[..] else {
        panic!("five cells: {line}");
    };
    Row {
        what: what.to_owned(),
        on: on.split(", ").flat_map(targets).copied().collect(),
        gets: wanted(gets),
        when: at(when),
        counted_as: counted_as.trim_matches('`').to_owned(),
    }
}

fn targets(cell: &str) -> &'static [Target] {
    match cell {
        "`/ws`" => &[Target::Json, Target::Bincode],
        "`/ws` in JSON" => &[Target::Json],
        "`/echo`" => &[Target::Echo],
        "`/v1/stream`" | "HTTP" => &[Target::Http],
        _ => panic!("an unknown path: {cell}"),
    }
}

fn wanted(cell: &str) -> Wanted {
    match cell {
        "FIN" => Wanted::Fin,
        "reset" => Wanted::Reset,
        "nothing" => Wanted::Nothing,
        "same code, FIN" => Wanted::SameCode,
        "no code, FIN" => Wanted::NoCode,
        _ => {
            let code = cell
                .strip_suffix(", FIN")
                .and_then(|code| code.parse().ok());
            Wanted::Code(code.unwrap_or_else(|| panic!("not a code and FIN: {cell}")))
        }
    }
}

fn at(cell: &str) -> When {
    match cell.strip_prefix("up to ") {
        _ if cell == "at once" => When::AtOnce,
        Some(sum) => When::UpTo(sum.split(" + ").map(term).collect()),
        None => When::After(cell.split(" + ").map(term).collect()),
    }
}

fn term(text: &str) -> Term {
    match text.strip_suffix(" s") {
        Some(seconds) => Term::Fixed(Duration::from_secs(seconds.parse().unwrap())),
        None => Term::Setting(text.trim_matches('`').to_owned()),
    }
}
