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

/// Where a value comes from: a flag, a variable, or a line of the file.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    kind: &'static str,
    name: String,
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
        let name = name.into();
        Self { kind, name }
    }

    pub(super) fn default_value() -> Self {
        Self::new("", "default")
    }

    /// How an error about a key begins: flags and variables name it already.
    pub(super) fn place(&self, key: &str) -> String {
        match self.kind {
            Self::FLAG | Self::VARIABLE => self.name.clone(),
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

/// All our environment variables begin with this.
const PREFIX: &str = "TICKCAST_";

/// The environment variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase())
}

/// Our environment variables, except for those of the monitor, which is often started from the same
/// shell.
pub(super) fn read_environment(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Vec<Entry> {
    let ours = environment.into_iter().filter_map(|(name, text)| {
        let name = name.to_string_lossy().into_owned();
        let key = name.strip_prefix(PREFIX)?.to_lowercase();
        let texts = text.into_string().map(|text| vec![text]);
        let texts = texts.map_err(|_| "not UTF-8".into());
        let origin = Origin::new(Origin::VARIABLE, name);
        (!key.starts_with("monitor_")).then_some(Entry { key, texts, origin })
    });
    ours.collect()
}

/// Whether Kubernetes sets the variable of this key for a service whose name is `tickcast` or
/// begins with `tickcast-`: `[NAME_]SERVICE_HOST`, `[NAME_]SERVICE_PORT[_PORTNAME]`, `[NAME_]PORT`
/// and `[NAME_]PORT_7400_TCP[_ADDR|_PORT|_PROTO]`.
pub(super) fn is_kubernetes(key: &str) -> bool {
    let words: Vec<_> = key.split('_').collect();
    key.contains("service_port_")
        || matches!(
            words.as_slice(),
            [.., "service", "host"]
                | [.., "port"]
                | [.., "port", _, "tcp" | "udp" | "sctp"]
                | [.., "port", _, "tcp" | "udp" | "sctp", "addr" | "proto"]
        )
}
