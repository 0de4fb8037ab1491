//! The feeds: `[[feed]]` in the file, and `--feed` with the settings of each kind.
//!
//! The file may have several feeds of a kind. Flags and environment know one of each: they choose
//! among those of the file, change them, or make one.

use std::fmt::Write;

use super::{
    ENVIRONMENT_PREFIX, Environment, Problems,
    file::{File, Table},
    flags::Flags,
    print,
    section::{AnySection, Filled, Origin, Section, environment_name, flag_name},
};
use crate::feed::{
    FeedSettings, Source, mqtt::MqttSettings, replay::ReplaySettings, simulated::SimulatedSettings,
};

/// A feed whose settings are being collected.
#[derive(Clone)]
pub(super) struct FeedDraft {
    name: Option<String>,
    origin: Origin,
    kind: KindDraft,
}

#[derive(Clone)]
enum KindDraft {
    Simulated(Filled<SimulatedSettings>),
    Mqtt(Filled<MqttSettings>),
    Replay(Filled<ReplaySettings>),
    Stdin,
}

const KINDS: [&str; 5] = ["simulated", "mqtt", "replay", "stdin", "none"];

impl KindDraft {
    /// `None` for the kind `none`.
    fn new(kind: &str) -> Result<Option<Self>, String> {
        match kind {
            "simulated" => Ok(Some(Self::Simulated(Filled::default()))),
            "mqtt" => Ok(Some(Self::Mqtt(Filled::default()))),
            "replay" => Ok(Some(Self::Replay(Filled::default()))),
            "stdin" => Ok(Some(Self::Stdin)),
            "none" => Ok(None),
            other => Err(format!("{other:?} is not one of {}", KINDS.join(", "))),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Simulated(_) => "simulated",
            Self::Mqtt(_) => "mqtt",
            Self::Replay(_) => "replay",
            Self::Stdin => "stdin",
        }
    }

    fn section(&mut self) -> Option<&mut dyn AnySection> {
        match self {
            Self::Simulated(section) => Some(section),
            Self::Mqtt(section) => Some(section),
            Self::Replay(section) => Some(section),
            Self::Stdin => None,
        }
    }
}

impl FeedDraft {
    /// A kind that is said or meant, with nothing set. `None` for the kind `none`.
    fn new(kind: &str, origin: Origin) -> Result<Option<Self>, String> {
        let problem = |problem| format!("{origin}: {problem}");
        let kind = KindDraft::new(kind).map_err(problem)?;
        Ok(kind.map(|kind| Self {
            name: None,
            origin,
            kind,
        }))
    }

    fn from_table(mut table: Table, problems: &mut Problems) -> Option<Self> {
        let origin = table.origin();
        let mut text = |key: &str| {
            let entry = table.take(key)?;
            let texts = entry.texts(key).and_then(|texts| match texts.as_slice() {
                [text] => Ok(text.clone()),
                _ => Err(format!("{}: {key} is not one text", entry.origin())),
            });
            problems.note(texts)
        };
        let name = text("name");
        let kind = text("kind");
        let Some(kind) = kind else {
            problems.add(format!(
                "{origin}: a feed needs a kind: {}",
                KINDS.join(", ")
            ));
            return None;
        };
        let mut draft = problems.note(Self::new(&kind, origin))??;
        draft.name = name;
        if let Some(section) = draft.kind.section() {
            section.read_file(&mut table, problems);
        }
        table.refuse_rest(&format!(" of a feed of kind {kind}"), problems);
        Some(draft)
    }

    pub(super) fn settings(&self) -> FeedSettings {
        let source = match &self.kind {
            KindDraft::Simulated(section) => Source::Simulated(section.value.clone()),
            KindDraft::Mqtt(section) => Source::Mqtt(section.value.clone()),
            KindDraft::Replay(section) => Source::Replay(section.value.clone()),
            KindDraft::Stdin => Source::Stdin,
        };
        FeedSettings {
            name: self.name.clone().unwrap_or_else(|| self.kind.name().into()),
            source,
        }
    }

    pub(super) fn print(&self, out: &mut String) {
        out.push('\n');
        print::commented(out, "[[feed]]", &self.origin.described());
        writeln!(out, "kind = {:?}", self.kind.name()).expect("memory can be written");
        if let Some(name) = &self.name {
            writeln!(out, "name = {}", toml::Value::from(name.as_str()))
                .expect("memory can be written");
        }
        match &self.kind {
            KindDraft::Simulated(section) => print::section(out, section),
            KindDraft::Mqtt(section) => print::section(out, section),
            KindDraft::Replay(section) => print::section(out, section),
            KindDraft::Stdin => {}
        }
    }
}

/// All feeds, with names of their own.
pub(super) fn read_feeds(
    flags: &Flags,
    environment: &Environment,
    file: &mut File,
    problems: &mut Problems,
) -> Vec<FeedDraft> {
    let tables = std::mem::take(&mut file.feeds);
    let file_says_it = !tables.is_empty();
    let from_file: Vec<_> = tables
        .into_iter()
        .filter_map(|table| FeedDraft::from_table(table, problems))
        .collect();
    let (kinds, origin) = if let Some(kinds) = flags.get("feed") {
        (Some(kinds.to_vec()), Origin::Flag("--feed".into()))
    } else {
        let kinds = environment.list("FEED").map(|kinds| problems.note(kinds));
        let name = format!("{ENVIRONMENT_PREFIX}FEED");
        (kinds.flatten(), Origin::Environment(name))
    };
    let mut feeds = match kinds {
        Some(kinds) => choose(&kinds, &origin, &from_file, problems),
        None if file_says_it => from_file,
        None => choose(&["simulated".into()], &Origin::Default, &[], problems),
    };
    for section in [
        KindDraft::Simulated(Filled::default()),
        KindDraft::Mqtt(Filled::default()),
        KindDraft::Replay(Filled::default()),
    ] {
        overwrite(section, &mut feeds, flags, environment, problems);
    }
    give_names(&mut feeds, problems);
    feeds
}

/// The feeds of the kinds that flag or environment name.
fn choose(
    kinds: &[String],
    origin: &Origin,
    from_file: &[FeedDraft],
    problems: &mut Problems,
) -> Vec<FeedDraft> {
    let mut feeds = Vec::new();
    for (index, kind) in kinds.iter().enumerate() {
        if kinds[..index].contains(kind) {
            problems.add(format!(
                "{origin}: {kind} is named twice; several feeds of a kind go into the file"
            ));
            continue;
        }
        let in_file: Vec<_> = from_file
            .iter()
            .filter(|feed| feed.kind.name() == kind)
            .cloned()
            .collect();
        if in_file.is_empty() {
            let feed = problems.note(FeedDraft::new(kind, origin.clone()));
            feeds.extend(feed.flatten());
        } else {
            feeds.extend(in_file);
        }
    }
    if kinds.is_empty() {
        problems.add(format!(
            "{origin}: no feed is named; none is a name as well"
        ));
    }
    if kinds.len() > 1 && kinds.iter().any(|kind| kind == "none") {
        problems.add(format!("{origin}: none goes with no other feed"));
    }
    feeds
}

/// Applies flags and environment of one kind to the feed of that kind.
fn overwrite(
    kind: KindDraft,
    feeds: &mut [FeedDraft],
    flags: &Flags,
    environment: &Environment,
    problems: &mut Problems,
) {
    let given = match &kind {
        KindDraft::Simulated(_) => given::<SimulatedSettings>(flags, environment),
        KindDraft::Mqtt(_) => given::<MqttSettings>(flags, environment),
        KindDraft::Replay(_) => given::<ReplaySettings>(flags, environment),
        KindDraft::Stdin => None,
    };
    let Some(given) = given else {
        return;
    };
    let name = kind.name();
    let mut of_kind: Vec<_> = feeds
        .iter_mut()
        .filter(|feed| feed.kind.name() == name)
        .filter_map(|feed| feed.kind.section())
        .collect();
    match of_kind.as_mut_slice() {
        [section] => {
            section.read_environment(environment, problems);
            section.read_flags(flags, problems);
        }
        [] => problems.add(format!(
            "{given} is given, but there is no feed of its kind: add --feed {name}"
        )),
        _ => problems.add(format!(
            "{given} is given, but there are several feeds of kind {name}: change them in the file"
        )),
    }
}

/// The first flag or variable of a section that is given.
fn given<T: Section>(flags: &Flags, environment: &Environment) -> Option<String> {
    T::SETTINGS.iter().find_map(|setting| {
        let flag = flag_name(T::PREFIX, setting.key);
        let variable = environment_name(T::PREFIX, setting.key);
        if flags.get(&flag).is_some() {
            Some(format!("--{flag}"))
        } else {
            let is_set = environment.get(&variable).is_some();
            is_set.then(|| format!("{ENVIRONMENT_PREFIX}{variable}"))
        }
    })
}

/// Feeds without a name are called by their kind, with a number if there are several of it.
fn give_names(feeds: &mut [FeedDraft], problems: &mut Problems) {
    let kinds: Vec<_> = feeds.iter().map(|feed| feed.kind.name()).collect();
    for (index, feed) in feeds.iter_mut().enumerate() {
        let kind = kinds[index];
        let is_alone = kinds.iter().filter(|other| **other == kind).count() == 1;
        if feed.name.is_none() && !is_alone {
            let number = kinds[..=index]
                .iter()
                .filter(|other| **other == kind)
                .count();
            feed.name = Some(format!("{kind}-{number}"));
        }
    }
    let names: Vec<_> = feeds.iter().map(|feed| feed.settings().name).collect();
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            let origin = &feeds[index].origin;
            problems.add(format!("{origin}: another feed is called {name:?} as well"));
        }
    }
}
