//! What flags, environment variables and the file give: keys with texts and their origin.

use std::{ffi::OsString, fmt};

use super::text::parse_list;

/// A value of one setting.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    /// One text unless it is a list, or why there is none.
    pub(super) texts: Result<Vec<String>, String>,
    pub(super) origin: Origin,
}

/// Where a value comes from: a flag, a variable, or a place in the file.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    kind: &'static str,
    /// A place in the file is written as compilers do: `FILE:LINE:COLUMN`.
    name: String,
    /// Its byte in the file.
    at: Option<usize>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Origin {
    pub(super) const FLAG: &'static str = "flag";
    pub(super) const VARIABLE: &'static str = "environment";
    pub(super) const FILE: &'static str = "file";

    pub(super) fn new(kind: &'static str, name: impl Into<String>) -> Self {
        let (name, at) = (name.into(), None);
        Self { kind, name, at }
    }

    /// A place in the file, with its byte.
    pub(super) fn in_file(name: String, at: usize) -> Self {
        let (kind, at) = (Self::FILE, Some(at));
        Self { kind, name, at }
    }

    pub(super) fn default_value() -> Self {
        Self::new("", "default")
    }

    pub(super) fn is_default(&self) -> bool {
        self.kind.is_empty()
    }

    /// Where it is in the file, if it is there.
    pub(super) fn at(&self) -> Option<usize> {
        self.at
    }

    /// How an error about a key of a section begins. Flags and variables name the key already,
    /// except for a rule in one line, which has several keys.
    pub(super) fn place(&self, section: Section, key: &str) -> String {
        match (self.kind, section.name()) {
            (Self::FLAG | Self::VARIABLE, _) if !section.is_rule() => self.name.clone(),
            (Self::FILE, Some(name)) => format!("{self}: {name}.{key}"),
            _ => format!("{self}: {key}"),
        }
    }

    /// With its kind.
    pub(super) fn described(&self) -> String {
        format!("{} {self}", self.kind).trim_start().into()
    }
}

impl Entry {
    /// The members of a list. A variable has them in one text: in the brackets of TOML or, if
    /// `commas` says so, separated by commas.
    pub(super) fn list(&self, commas: bool) -> Result<Vec<String>, String> {
        match self.texts.as_deref() {
            Ok([text]) if self.origin.kind == Origin::VARIABLE && text.starts_with('[') => {
                parse_list(text)
            }
            Ok([text]) if self.origin.kind == Origin::VARIABLE && commas => {
                let members = text.split(',').filter(|_| !text.is_empty());
                Ok(members.map(|member| member.trim().into()).collect())
            }
            _ => self.texts.clone(),
        }
    }
}

/// What settings belong to: a kind of table in the file, or what is above all tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Top,
    Feed,
    Decode,
    Liveness,
    Wills,
    Listen,
    Output,
}

impl Section {
    /// Those that are tables.
    pub(super) const TABLES: [Self; 6] = [
        Self::Feed,
        Self::Decode,
        Self::Liveness,
        Self::Wills,
        Self::Listen,
        Self::Output,
    ];

    /// The name of its tables.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Top => None,
            Self::Feed => Some("feed"),
            Self::Decode => Some("decode"),
            Self::Liveness => Some("liveness"),
            Self::Wills => Some("wills"),
            Self::Listen => Some("listen"),
            Self::Output => Some("output"),
        }
    }

    /// Whether a whole table can be given in one line.
    pub(super) fn is_rule(self) -> bool {
        !matches!(self, Self::Top | Self::Feed | Self::Listen | Self::Output)
    }
}

/// All our environment variables begin with this.
const PREFIX: &str = "TICKCAST_";

/// The environment variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase())
}

/// The variables of the command `tickcast`, after [`PREFIX`].
const OF_COMMAND: [&str; 4] = ["url", "ca", "token", "token_file"];

/// Our environment variables, except for those of the monitor and of the command `tickcast`, which
/// are often started from the same shell.
pub(super) fn read_environment(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Vec<Entry> {
    let ours = environment.into_iter().filter_map(|(name, text)| {
        let name = name.to_string_lossy().into_owned();
        let key = name.strip_prefix(PREFIX)?.to_lowercase();
        let texts = text.into_string().map(|text| vec![text]);
        let texts = texts.map_err(|_| "not UTF-8".into());
        let origin = Origin::new(Origin::VARIABLE, name);
        let is_of_others = key.starts_with("monitor_") || OF_COMMAND.contains(&&*key);
        (!is_of_others).then_some(Entry { key, texts, origin })
    });
    ours.collect()
}

/// Whether Kubernetes sets this variable for a service whose name is `tickcast` or begins with
/// `tickcast-`: `[NAME_]SERVICE_HOST`, `[NAME_]SERVICE_PORT[_PORTNAME]`, `[NAME_]PORT` and
/// `[NAME_]PORT_7400_TCP[_ADDR|_PORT|_PROTO]`. A `PORT` that is not a URL is not from Kubernetes.
pub(super) fn is_kubernetes(entry: &Entry) -> bool {
    let is_protocol = |word: &str| ["tcp", "udp", "sctp"].contains(&word);
    let is_number = |word: &str| word.parse::<u16>().is_ok();
    let is_url = || match entry.texts.as_deref() {
        Ok([text]) => text
            .split_once("://")
            .is_some_and(|(scheme, _)| is_protocol(scheme)),
        _ => false,
    };
    let words: Vec<_> = entry.key.split('_').collect();
    entry.key.contains("service_port_")
        || match words.as_slice() {
            [.., "service", "host" | "port"] => true,
            [.., "port", number, protocol] if is_protocol(protocol) => is_number(number),
            [.., "port", number, protocol, "addr" | "port" | "proto"] if is_protocol(protocol) => {
                is_number(number)
            }
            [.., "port"] => is_url(),
            _ => false,
        }
}
