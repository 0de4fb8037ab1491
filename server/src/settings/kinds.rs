//! The kinds of feeds: the variants of [`Source`], as subcommands of clap.

use clap::{Command, FromArgMatches, Subcommand};

use super::field::{reason, settings};
use crate::feed::Source;

/// All kinds of feeds.
#[derive(Debug)]
pub(crate) struct Kinds(Command);

impl Kinds {
    pub(crate) fn new() -> Self {
        let command = Source::augment_subcommands(Command::new("feed"));
        Self(command.no_binary_name(true).mut_subcommands(settings))
    }

    /// What flags and environment variables of each kind begin with, and its settings.
    pub(crate) fn sections(&self) -> impl Iterator<Item = (String, &Command)> {
        let kinds = self.0.get_subcommands();
        kinds.map(|kind| {
            let short = kind.get_all_aliases().next();
            (format!("{}_", short.unwrap_or(kind.get_name())), kind)
        })
    }

    /// The settings of a kind.
    pub(crate) fn get(&self, name: &str) -> Option<&Command> {
        let mut kinds = self.0.get_subcommands();
        kinds.find(|kind| kind.get_name() == name)
    }

    /// All names, with that for no feed.
    pub(crate) fn names(&self) -> String {
        let names = self.0.get_subcommands().map(Command::get_name);
        names.chain(["none"]).collect::<Vec<_>>().join(", ")
    }

    /// The settings of a feed, of which `flags` are those that are set.
    pub(crate) fn source(
        &self,
        kind: &str,
        flags: impl Iterator<Item = String>,
    ) -> Result<Source, String> {
        let args = std::iter::once(kind.to_owned()).chain(flags);
        let matches = self.0.clone().try_get_matches_from(args);
        let source = matches.and_then(|matches| Source::from_arg_matches(&matches));
        source.map_err(|error| reason(&error))
    }
}
