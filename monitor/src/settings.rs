//! What is remembered from one day to the next, in a file of its own.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    alerts::Rule,
    export,
    format::Zone,
    panels::{WatchList, Workspace},
    store::MEMORY_LIMIT_DEFAULT_BYTES,
    theme::ThemeChoice,
};

/// What is remembered.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The server's address.
    pub url: Option<String>,
    /// Servers that were connected to, the last one first.
    pub servers: Vec<String>,
    /// Size of the window in points.
    pub window: Option<(f32, f32)>,
    /// Width of the list in points.
    pub list_width: Option<f32>,
    /// What the person prefers.
    pub preferences: Preferences,
    /// Filter, order and folded groups of the list.
    pub watch_list: WatchList,
    /// The charts.
    pub workspace: Workspace,
    /// Saved layouts by name.
    pub layouts: BTreeMap<String, Workspace>,
    /// The layout that was loaded or saved last.
    pub layout: Option<String>,
    /// What is watched over.
    pub alerts: Vec<Rule>,
    /// The other servers, each with what is its own. What is common to all stands above.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Settings>,
}

/// What is the same for all servers.
#[derive(Debug, Clone)]
pub struct CommonSettings {
    servers: Vec<String>,
    window: Option<(f32, f32)>,
    list_width: Option<f32>,
    preferences: Preferences,
}

impl CommonSettings {
    /// That of these settings.
    pub fn of(settings: &Settings) -> Self {
        Self {
            servers: settings.servers.clone(),
            window: settings.window,
            list_width: settings.list_width,
            preferences: settings.preferences.clone(),
        }
    }

    /// Puts it in place of that of other settings.
    pub fn apply(self, settings: &mut Settings) {
        let Self {
            servers,
            window,
            list_width,
            preferences,
        } = self;
        settings.servers = servers;
        settings.window = window;
        settings.list_width = list_width;
        settings.preferences = preferences;
    }
}

/// What the person prefers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Colours.
    pub theme: ThemeChoice,
    /// What everything is enlarged by.
    pub zoom: f32,
    /// How much history may be kept, in bytes.
    pub memory_limit: usize,
    /// The zone to write times in.
    pub zone: ZoneChoice,
    /// Whether changed values flash.
    pub flash: bool,
    /// The program that plays a sound, with its arguments.
    pub sound_command: String,
    /// Where recordings, tables and pictures go; empty for the usual folder.
    pub folder: String,
}

impl Preferences {
    /// Where recordings, tables and pictures go.
    pub fn folder(&self) -> PathBuf {
        match self.folder.trim() {
            "" => export::folder(),
            folder => PathBuf::from(folder),
        }
    }
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::default(),
            zoom: 1.0,
            memory_limit: MEMORY_LIMIT_DEFAULT_BYTES,
            zone: ZoneChoice::default(),
            flash: true,
            sound_command: SOUND_COMMAND_DEFAULT.to_owned(),
            folder: String::new(),
        }
    }
}

/// The zone to write times in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneChoice {
    /// That of markets and machines.
    #[default]
    Utc,
    /// That of this machine.
    Local,
}

impl ZoneChoice {
    /// The zone.
    pub fn zone(self) -> Zone {
        match self {
            Self::Utc => Zone::default(),
            Self::Local => Zone::local(),
        }
    }
}

/// Plays the sound that every freedesktop.org system has.
const SOUND_COMMAND_DEFAULT: &str = "paplay /usr/share/sounds/freedesktop/stereo/bell.oga";

/// Why settings are not those of last time.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the settings in {path}: {error}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file is not what was written. It was set aside.
    #[error("the settings in {path} are damaged ({error}); they are now in {aside}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where it is now.
        aside: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
}

/// Where the settings are kept, by the rules of the XDG Base Directory Specification, or what comes
/// closest to it.
pub fn default_path() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("APPDATA"))
        .or_else(|| Some(absolute("HOME")?.join(".config")))
        .map(|folder| folder.join("tickcast").join("monitor.json"))
}

/// Sizes in points that a window or a list may have.
const LEAST_POINTS: f32 = 100.0;
const MOST_POINTS: f32 = 20_000.0;

/// With less everything is too small to be read, with more nothing fits the window.
const ZOOM_RANGE: std::ops::RangeInclusive<f32> = 0.5..=4.0;

/// Less memory than this holds no chart.
const MEMORY_MIN_BYTES: usize = 16 * 1024 * 1024;

/// Servers that are remembered.
const SERVERS_MAX: usize = 8;

impl Settings {
    /// Remembers a server for the palette.
    pub fn remember_server(&mut self, url: &str) {
        self.servers.retain(|known| known != url);
        self.servers.insert(0, url.to_owned());
        self.servers.truncate(SERVERS_MAX);
    }

    /// Reads the settings. A missing file is none; a damaged one is set aside, so that it is not
    /// overwritten. Either way there are settings to go on with.
    pub fn load(path: &Path) -> (Self, Option<SettingsError>) {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Default::default(),
            Err(error) => {
                let path = path.to_owned();
                let error = SettingsError::Unreadable { path, error };
                return (Self::default(), Some(error));
            }
        };
        match serde_json::from_slice(&text) {
            Ok(settings) => (Self::repaired(settings), None),
            Err(error) => {
                let aside = path.with_extension("damaged.json");
                // If that fails too, the next save overwrites it: there is nothing to be saved.
                let _ = fs::rename(path, &aside);
                let path = path.to_owned();
                let error = SettingsError::Damaged { path, aside, error };
                (Self::default(), Some(error))
            }
        }
    }

    /// Without what no window, chart or memory can have: a file that was edited by hand may say
    /// anything.
    fn repaired(mut self) -> Self {
        let is_size = |size: f32| (LEAST_POINTS..=MOST_POINTS).contains(&size);
        self.window
            .take_if(|(width, height)| !is_size(*width) || !is_size(*height));
        self.list_width.take_if(|width| !is_size(*width));
        self.servers.truncate(SERVERS_MAX);
        let preferences = &mut self.preferences;
        if !ZOOM_RANGE.contains(&preferences.zoom) {
            preferences.zoom = 1.0;
        }
        preferences.memory_limit = preferences.memory_limit.max(MEMORY_MIN_BYTES);
        for workspace in self.layouts.values_mut().chain([&mut self.workspace]) {
            if !workspace.is_sound() {
                *workspace = Workspace::default();
            }
        }
        self.others = self.others.into_iter().map(Self::repaired).collect();
        self
    }

    /// What a settings file holds.
    pub fn to_text(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec_pretty(self)?)
    }
}

/// Writes a settings file, all or nothing.
pub fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new.json");
    fs::write(&new, text)?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/monitor.json");
        let (mut settings, error) = Settings::load(&path);
        assert!(error.is_none());
        settings.url = Some("ws://example:1/ws".to_owned());
        settings.preferences.theme = ThemeChoice::Light;
        let topic = "a/b".parse().unwrap();
        settings.workspace.open(topic, crate::scene::Place::New);
        write(&path, &settings.to_text().unwrap()).unwrap();
        let (settings, error) = Settings::load(&path);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(settings.preferences.theme, ThemeChoice::Light);
        assert_eq!(settings.workspace.topics().len(), 1);
    }

    #[test]
    fn damaged_settings_are_set_aside_and_the_defaults_are_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("monitor.json");
        fs::write(&path, b"{\"theme\": \"dark\", \"workspace\": [").unwrap();
        let (settings, error) = Settings::load(&path);
        assert_eq!(settings.preferences.theme, ThemeChoice::Dark);
        assert!(matches!(error, Some(SettingsError::Damaged { .. })));
        assert!(!path.exists());
        assert!(folder.path().join("monitor.damaged.json").exists());
    }
}
