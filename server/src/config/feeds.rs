//! The feeds: `[[feed]]` in the file, and `--feed` with the settings of each kind.
//!
//! The file may have several feeds of a kind. Flags and environment variables know one of each:
//! they choose among those of the file, change them, or make one.

use super::{
    entry::{Entry, Origin},
    file::Table,
    section::{Draft, commented},
    text::written,
};
use crate::{feed::FeedSettings, settings::kinds::Kinds};

/// A feed whose settings are being collected.
#[derive(Debug, Clone)]
pub(super) struct FeedDraft {
    name: Option<String>,
    kind: String,
    pub(super) draft: Draft,
}

impl FeedDraft {
    /// A feed with nothing set. `None` for the kind `none`.
    fn new(kinds: &Kinds, kind: &str, origin: &Origin) -> Result<Option<Self>, String> {
        let Some(command) = kinds.get(kind) else {
            let problem = || format!("{origin} {kind:?}: expected one of {}", kinds.names());
            return (kind == "none").then_some(None).ok_or_else(problem);
        };
        let what = format!("a feed of kind {kind}");
        let draft = Draft::new(origin.clone(), what, command.clone());
        let (name, kind) = (None, kind.into());
        Ok(Some(Self { name, kind, draft }))
    }

    fn from_table(kinds: &Kinds, table: &Table) -> Result<Option<Self>, String> {
        let text = |key: &str| {
            let entry = table.entries.iter().find(|entry| entry.key == key);
            let text = entry.map(|entry| match entry.texts.as_deref() {
                Ok([text]) => Ok(text.clone()),
                _ => Err(format!("{}: {key}: expected one text", entry.origin)),
            });
            text.transpose()
        };
        let (origin, name) = (&table.origin, text("name")?);
        let problem = || format!("{origin}: a feed needs a kind: {}", kinds.names());
        let kind = text("kind")?.ok_or_else(problem)?;
        let mut feed = Self::new(kinds, &kind, origin)?;
        if let Some(feed) = &mut feed {
            let entries = table.entries.iter();
            let settings = entries.filter(|entry| !["name", "kind"].contains(&entry.key.as_str()));
            feed.draft.read(settings.cloned());
            feed.name = name;
        }
        Ok(feed)
    }

    /// The finished feed.
    pub(super) fn settings(&self, kinds: &Kinds) -> Result<FeedSettings, String> {
        let source = kinds.source(&self.kind, self.draft.flags())?;
        let name = self.name().into();
        Ok(FeedSettings { name, source })
    }

    fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.kind)
    }

    pub(super) fn print(&self) -> String {
        let heading = commented("[[feed]]", &self.draft.origin);
        let (kind, name, settings) = (&self.kind, written(self.name()), self.draft.print());
        format!("\n{heading}kind = \"{kind}\"\nname = {name}\n{settings}")
    }
}

/// All feeds, and what is wrong with their choice.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    pub(super) feeds: Vec<FeedDraft>,
    pub(super) problems: Vec<String>,
}

impl Feeds {
    /// `given` is from flags and environment variables.
    pub(super) fn read(kinds: &Kinds, given: &[Entry], file: &[Table]) -> Self {
        let mut feeds = Self::default();
        let tables: Vec<_> = file.iter().filter(|table| table.name == "feed").collect();
        let read = tables
            .iter()
            .filter_map(|table| feeds.note(FeedDraft::from_table(kinds, table)));
        let from_file: Vec<_> = read.collect();
        if let Some(entry) = given.iter().rfind(|entry| entry.key == "feed") {
            feeds.choose(kinds, entry, &from_file);
        } else if !tables.is_empty() {
            feeds.feeds = from_file;
        } else {
            let default = feeds.note(FeedDraft::new(kinds, "simulated", &Origin::default_value()));
            feeds.feeds.extend(default);
        }
        for (prefix, kind) in kinds.sections() {
            feeds.overwrite(&prefix, kind.get_name(), given);
        }
        feeds.give_names();
        feeds
    }

    fn note(&mut self, feed: Result<Option<FeedDraft>, String>) -> Option<FeedDraft> {
        let feed = feed.map_err(|problem| self.problems.push(problem));
        feed.ok().flatten()
    }

    /// Takes the feeds of the kinds that a flag or variable names.
    fn choose(&mut self, kinds: &Kinds, named: &Entry, from_file: &[FeedDraft]) {
        let origin = &named.origin;
        let names = named.list(true).unwrap_or_else(|problem| {
            self.problems.push(format!("{origin}: {problem}"));
            vec!["none".into()]
        });
        for (index, name) in names.iter().enumerate() {
            let in_file: Vec<_> = from_file.iter().filter(|feed| feed.kind == *name).collect();
            if names[..index].contains(name) {
                self.problems.push(format!(
                    "{origin}: {name} is named twice; several feeds of one kind must be in the file"
                ));
            } else if in_file.is_empty() {
                let feed = self.note(FeedDraft::new(kinds, name, origin));
                self.feeds.extend(feed);
            } else {
                self.feeds.extend(in_file.into_iter().cloned());
            }
        }
        let problem = match names.len() {
            0 => Some("names no feed; write none for no feed"),
            1 => None,
            _ => (names.iter().any(|name| name == "none"))
                .then_some("none cannot be combined with other feeds"),
        };
        self.problems
            .extend(problem.map(|problem| format!("{origin}: {problem}")));
    }

    /// Applies flags and variables of one kind to the feed of that kind.
    fn overwrite(&mut self, prefix: &str, kind: &str, given: &[Entry]) {
        let entries = given.iter().filter_map(|entry| {
            let key = entry.key.strip_prefix(prefix)?.to_owned();
            Some(Entry {
                key,
                ..entry.clone()
            })
        });
        let entries: Vec<_> = entries.collect();
        let Some(Entry { origin, .. }) = entries.last() else {
            return;
        };
        let of_kind = self.feeds.iter_mut().filter(|feed| feed.kind == kind);
        let reason = match of_kind.collect::<Vec<_>>().as_mut_slice() {
            [feed] => return feed.draft.read(entries),
            [] => format!("there is no feed of its kind: add --feed {kind}"),
            _ => format!("there are several feeds of kind {kind}: change them in the file"),
        };
        self.problems
            .push(format!("{origin} is given, but {reason}"));
    }

    /// Feeds without a name get their kind's name, with a number if there are several of that kind.
    fn give_names(&mut self) {
        for index in 0..self.feeds.len() {
            let feed = &self.feeds[index];
            let same = |other: &&FeedDraft| other.kind == feed.kind;
            if feed.name.is_none() && self.feeds.iter().filter(same).count() > 1 {
                let number = self.feeds[..=index].iter().filter(same).count();
                self.feeds[index].name = Some(format!("{}-{number}", feed.kind));
            }
            let (feed, others) = (&self.feeds[index], &self.feeds[..index]);
            if others.iter().any(|other| other.name() == feed.name()) {
                let (origin, name) = (&feed.draft.origin, feed.name());
                let problem = format!("{origin}: another feed has the name {name:?}, too");
                self.problems.push(problem);
            }
        }
    }
}
