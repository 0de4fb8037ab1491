//! What the comment above a block says about how it is tested.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

/// How a block is tested.
#[derive(Debug, Clone, PartialEq)]
pub enum Marker {
    /// The tests of the documents run it.
    Run(Run),
    /// Another test of the project runs it.
    RunBy(PathBuf),
    /// It is not run, for this reason.
    NotRun(String),
}

/// How a block is run, and what it must show. Ports are replaced by free ones: 7400 and 7401 by
/// those of the server, 1883 by that of the broker.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Run {
    /// Flags of a server that runs before the block. Without it, the block starts its own.
    pub server: Option<String>,
    /// Whether a broker runs.
    pub broker: bool,
    /// Files that the block reads: their names, and files of the project.
    pub files: BTreeMap<String, PathBuf>,
    /// A command that runs after the block, and again until it shows what it must. If the block
    /// starts several servers, it runs for each.
    pub then: Option<String>,
    /// Expressions that the output of the block and of `then` must match.
    pub shows: Vec<String>,
    /// For each server that the block starts, what `then` must show.
    pub each: Vec<String>,
    /// Parts of the block that are replaced, so that it takes less time.
    pub replace: BTreeMap<String, String>,
    /// Exit codes that are right; 0 if there are none.
    pub exit: Vec<i32>,
}

/// Why a comment is no marker.
#[derive(Debug, thiserror::Error)]
pub enum MarkerError {
    /// No reason or file follows the colon.
    #[error("nothing follows the colon")]
    Empty,
    /// What follows `run:` is not TOML of this form.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
}

impl Marker {
    /// Reads a comment. `None` if it is about something else.
    pub fn parse(comment: &str) -> Result<Option<Self>, MarkerError> {
        let filled = |text: &str| match text.trim() {
            "" => Err(MarkerError::Empty),
            text => Ok(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        };
        Ok(if let Some(text) = comment.strip_prefix("run:") {
            Some(Self::Run(toml::from_str(text)?))
        } else if let Some(text) = comment.strip_prefix("run by:") {
            Some(Self::RunBy(filled(text)?.into()))
        } else if let Some(text) = comment.strip_prefix("not run:") {
            Some(Self::NotRun(filled(text)?))
        } else {
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_says_how_a_block_is_tested() {
        let parse = |text: &str| Marker::parse(text).unwrap();
        assert_eq!(parse("run:"), Some(Marker::Run(Run::default())));
        let run = Run {
            server: Some("--feed none".into()),
            shows: vec!["a+".into()],
            ..Run::default()
        };
        let text = "run:\nserver = \"--feed none\"\nshows = [\"a+\"]";
        assert_eq!(parse(text), Some(Marker::Run(run)));
        assert_eq!(parse("run by: a.rs"), Some(Marker::RunBy("a.rs".into())));
        assert_eq!(parse("not run: a\n b"), Some(Marker::NotRun("a b".into())));
        assert_eq!(parse("settings: Server"), None);
    }

    #[test]
    fn a_comment_without_a_reason_or_with_an_unknown_key_is_an_error() {
        for text in ["not run:", "run by: ", "run: shws = []"] {
            assert!(Marker::parse(text).is_err(), "{text}");
        }
    }
}
