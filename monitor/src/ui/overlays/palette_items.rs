//! What the palette offers.

use crate::{
    data::format,
    ui::{
        command::{Placement, ServerAction, UiCommand},
        keyboard,
        scene::Scene,
    },
};

/// The most topics that are offered: a longer query finds the others.
const TOPICS_OFFERED: usize = 40;

/// A command that the palette offers.
pub(super) struct PaletteItem {
    pub(super) name: String,
    /// The key for it.
    pub(super) key: Option<String>,
    /// The newest value of a topic.
    pub(super) value: Option<String>,
    pub(super) command: UiCommand,
}

impl PaletteItem {
    fn new(name: String, command: UiCommand) -> Self {
        Self {
            name,
            key: None,
            value: None,
            command,
        }
    }
}

/// The commands and topics whose names contain all words of a query.
pub(super) fn matching(query: &str, scene: &Scene<'_>) -> Vec<PaletteItem> {
    let query = query.trim().to_lowercase();
    let words: Vec<&str> = query.split_whitespace().collect();
    let fits = |name: &str| {
        let name = name.to_lowercase();
        words.iter().all(|word| name.contains(word))
    };
    let actions = keyboard::actions().into_iter().map(|action| PaletteItem {
        key: action.shortcut.as_ref().map(keyboard::key_name),
        ..PaletteItem::new(action.name.to_owned(), action.command)
    });
    let mut items: Vec<PaletteItem> = actions
        .chain(layouts(scene))
        .chain(connections(scene))
        .chain(servers(scene))
        .filter(|item| fits(&item.name))
        .collect();
    if !words.is_empty() {
        let topics = scene.store.topics().map(|(_, topic)| topic);
        let topics = topics.filter(|topic| fits(topic.name.as_str()));
        items.extend(topics.take(TOPICS_OFFERED).map(|topic| PaletteItem {
            value: Some(format::latest(topic, false)),
            ..PaletteItem::new(
                topic.name.to_string(),
                UiCommand::Chart {
                    topic: topic.name.clone(),
                    placement: Placement::Active,
                },
            )
        }));
    }
    items
}

fn layouts<'a>(scene: &'a Scene<'_>) -> impl Iterator<Item = PaletteItem> + 'a {
    scene.layouts.all.iter().map(|name| {
        let command = UiCommand::LoadLayout(name.clone());
        PaletteItem::new(format!("Layout: {name}"), command)
    })
}

/// Other servers to connect to instead of this one.
fn connections<'a>(scene: &'a Scene<'_>) -> impl Iterator<Item = PaletteItem> + 'a {
    let others = scene.servers.iter().filter(|url| *url != scene.url);
    others.map(|url| {
        let command = UiCommand::Connect(url.clone());
        PaletteItem::new(format!("Connect to {url}"), command)
    })
}

/// Servers to show, and servers to add.
fn servers<'a>(scene: &'a Scene<'_>) -> impl Iterator<Item = PaletteItem> + 'a {
    let others = scene.tabs.iter().enumerate();
    let shown = others.filter(|(_, tab)| !tab.is_active).map(|(at, tab)| {
        let command = UiCommand::Server(ServerAction::Show(at));
        PaletteItem::new(format!("Show server {}", tab.url), command)
    });
    let is_known = |url: &String| scene.tabs.iter().any(|tab| tab.url == *url);
    let new = scene.servers.iter().filter(move |url| !is_known(url));
    let added = new.map(|url| {
        let command = UiCommand::Server(ServerAction::Add(url.clone()));
        PaletteItem::new(format!("Add server {url}"), command)
    });
    shown.chain(added)
}
