//! The feeds: `[[feed]]` in the file, and `--feed` with the settings of each kind.
//!
//! The file may have several feeds of a kind. Flags and environment variables know one of each:
//! they choose among those of the file, change them, or make one.

use super::{
    entry::{Entry, Origin, Section},
    file::Table,
    problem::Problem,
    section::{Draft, commented},
    text::written,
};
use crate::{
    feed::{FeedError, FeedSettings},
    settings::kinds::Kinds,
};

/// A feed whose settings are being collected.
#[derive(Debug, Clone)]
pub(super) struct FeedDraft {
    name: Option<String>,
    kind: String,
    pub(super) draft: Draft,
}

impl FeedDraft {
    /// A feed with nothing set. `None` for the kind `none`. `place` names the setting of the kind.
    fn new(
        kinds: &Kinds,
        kind: &str,
        origin: &Origin,
        place: &str,
    ) -> Result<Option<Self>, Problem> {
        let Some(command) = kinds.get(kind) else {
            let text = format!("{place} {kind:?}: expected one of {}", kinds.names());
            let problem = || Problem::new(origin, text);
            return (kind == "none").then_some(None).ok_or_else(problem);
        };
        let draft = Draft::new(origin.clone(), Section::Feed, command.clone());
        let (name, kind) = (None, kind.into());
        Ok(Some(Self { name, kind, draft }))
    }

    fn from_table(kinds: &Kinds, table: &Table) -> Result<Option<Self>, Problem> {
        let find = |key: &str| table.entries.iter().find(|entry| entry.key == key);
        let text = |key: &str| {
            let text = find(key).map(|entry| match entry.texts.as_deref() {
                Ok([text]) => Ok(text.clone()),
                _ => {
                    let place = entry.origin.place(Section::Feed, key);
                    let text = format!("{place}: expected one text, such as {key} = \"mqtt\"");
                    Err(Problem::new(&entry.origin, text))
                }
            });
            text.transpose()
        };
        if table.is_partial && find("kind").is_none() {
            return Ok(None);
        }
        let (origin, name) = (&table.origin, text("name")?);
        let problem = || {
            let text = format!("{origin}: feed.kind is missing: {}", kinds.names());
            Problem::new(origin, text)
        };
        let kind = text("kind")?.ok_or_else(problem)?;
        let place = find("kind").map(|entry| entry.origin.place(Section::Feed, "kind"));
        let mut feed = Self::new(kinds, &kind, origin, &place.unwrap_or_default())?;
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

    /// What is wrong with a finished feed, at the setting that must change.
    pub(super) fn problem(&self, error: &FeedError) -> Problem {
        let mut origin = self.draft.origin_of(error.key);
        if origin.is_default() {
            origin = self.draft.origin.clone();
        }
        Problem::new(&origin, format!("{origin}: {error}"))
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
    pub(super) problems: Vec<Problem>,
}

impl Feeds {
    /// `given` is from flags and environment variables.
    pub(super) fn read(kinds: &Kinds, given: &[Entry], file: &[Table]) -> Self {
        let mut feeds = Self::default();
        let tables: Vec<_> = file
            .iter()
            .filter(|table| table.section == Section::Feed)
            .collect();
        let read = tables
            .iter()
            .filter_map(|table| feeds.note(FeedDraft::from_table(kinds, table)));
        let from_file: Vec<_> = read.collect();
        if let Some(entry) = given.iter().rfind(|entry| entry.key == "feed") {
            feeds.choose(kinds, entry, &from_file);
        } else if !tables.is_empty() {
            feeds.feeds = from_file;
        } else {
            let origin = Origin::default_value();
            let default = feeds.note(FeedDraft::new(kinds, "simulated", &origin, "feed"));
            feeds.feeds.extend(default);
        }
        for (prefix, kind) in kinds.sections() {
            feeds.overwrite(&prefix, kind.get_name(), given);
        }
        feeds.give_names();
        feeds
    }

    fn note(&mut self, feed: Result<Option<FeedDraft>, Problem>) -> Option<FeedDraft> {
        let feed = feed.map_err(|problem| self.problems.push(problem));
        feed.ok().flatten()
    }

    /// Takes the feeds of the kinds that a flag or variable names.
    fn choose(&mut self, kinds: &Kinds, named: &Entry, from_file: &[FeedDraft]) {
        let origin = &named.origin;
        let names = named.list(true).unwrap_or_else(|problem| {
            self.add(origin, &problem);
            vec!["none".into()]
        });
        for (index, name) in names.iter().enumerate() {
            let in_file: Vec<_> = from_file.iter().filter(|feed| feed.kind == *name).collect();
            if names[..index].contains(name) {
                let problem =
                    format!("{name} is named twice; several feeds of one kind must be in the file");
                self.add(origin, &problem);
            } else if in_file.is_empty() {
                let feed = self.note(FeedDraft::new(kinds, name, origin, &origin.to_string()));
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
        if let Some(problem) = problem {
            self.add(origin, problem);
        }
    }

    fn add(&mut self, origin: &Origin, problem: &str) {
        let problem = Problem::new(origin, format!("{origin}: {problem}"));
        self.problems.push(problem);
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
        let problem = Problem::new(origin, format!("{origin} is given, but {reason}"));
        self.problems.push(problem);
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
                let (origin, name) = (feed.draft.origin.clone(), feed.name());
                let problem = format!("feed.name {name:?}: another feed has this name, too");
                self.add(&origin, &problem);
            }
        }
    }
}
