//! What the user has chosen for all servers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    data::{
        format::Zone,
        topics::{ChangeReference, MEMORY_LIMIT_DEFAULT_BYTES},
    },
    files::destination,
};

/// What the user has chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Colours.
    pub theme: ThemeChoice,
    /// The factor by which everything is enlarged.
    pub zoom: f32,
    /// The memory limit for history, in bytes.
    pub memory_limit: usize,
    /// The time zone of the times that are shown.
    pub zone: ZoneChoice,
    /// Whether charts show the times of the sources, where they give any, and not those of arrival.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub source_times: bool,
    /// Whether changed values flash.
    pub flash: bool,
    /// The program that plays a sound, with its arguments.
    pub sound_command: String,
    /// Where recordings, tables and pictures go; empty for the usual folder.
    pub folder: String,
    /// What changes are measured from.
    #[serde(skip_serializing_if = "is_default")]
    pub reference: ChangeReference,
}

fn is_default(reference: &ChangeReference) -> bool {
    *reference == ChangeReference::default()
}

impl Preferences {
    /// Where recordings, tables and pictures go.
    pub(crate) fn folder(&self) -> PathBuf {
        match self.folder.trim() {
            "" => destination::folder(),
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
            source_times: false,
            flash: true,
            sound_command: SOUND_COMMAND_DEFAULT.to_owned(),
            folder: String::new(),
            reference: ChangeReference::default(),
        }
    }
}

/// The time zone of the times that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneChoice {
    /// The zone of markets and machines.
    #[default]
    Utc,
    /// The zone of this machine.
    Local,
}

impl ZoneChoice {
    /// The zone.
    pub(crate) fn zone(self) -> Zone {
        match self {
            Self::Utc => Zone::default(),
            Self::Local => Zone::local(),
        }
    }
}

/// Plays the sound that every freedesktop.org system has.
const SOUND_COMMAND_DEFAULT: &str = "paplay /usr/share/sounds/freedesktop/stereo/bell.oga";

/// The colours to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum ThemeChoice {
    /// Light text on a dark ground.
    #[default]
    Dark,
    /// Dark text on a light ground.
    Light,
    /// Dark, in colours that colour-blind people can distinguish.
    DarkSafe,
    /// Light, in colours that colour-blind people can distinguish.
    LightSafe,
}

impl ThemeChoice {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::DarkSafe, Self::LightSafe];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dark => "Dark",
            Self::Light => "Light",
            Self::DarkSafe => "Dark, colour-blind safe",
            Self::LightSafe => "Light, colour-blind safe",
        }
    }
}
