//! The file: its path, and how it is read and written.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::state::SavedState;

/// Why the saved state was not used.
#[derive(Debug, thiserror::Error)]
pub enum SavedStateError {
    /// The file cannot be read.
    #[error("cannot read the settings in {path}: {error}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// The file is damaged. It was set aside.
    #[error("the settings in {path} are damaged ({error}); they were moved to {aside}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Its new path.
        aside: PathBuf,
        /// The error in it.
        error: serde_json::Error,
    },
}

/// The path of the settings, by the rules of the XDG Base Directory Specification or their nearest
/// equivalent.
pub(crate) fn default_path() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("APPDATA"))
        .or_else(|| Some(absolute("HOME")?.join(".config")))
        .map(|folder| folder.join("tickcast").join("monitor.json"))
}

impl SavedState {
    /// Reads the settings. A missing file gives the defaults; a damaged one is set aside, so that
    /// it is not overwritten, and also gives the defaults.
    pub fn load(path: &Path) -> (Self, Option<SavedStateError>) {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Default::default(),
            Err(error) => {
                let path = path.to_owned();
                let error = SavedStateError::Unreadable { path, error };
                return (Self::default(), Some(error));
            }
        };
        match serde_json::from_slice(&text) {
            Ok(state) => (Self::repaired(state), None),
            Err(error) => {
                let aside = path.with_extension("damaged.json");
                // If this fails, the next save overwrites the file.
                let _ = fs::rename(path, &aside);
                let path = path.to_owned();
                let error = SavedStateError::Damaged { path, aside, error };
                (Self::default(), Some(error))
            }
        }
    }
}

/// Writes a settings file, completely or not at all.
pub fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new.json");
    fs::write(&new, text)?;
    fs::rename(new, path)
}
