//! The file of revocations: one JSON object a line, so that people can read and change it.
//!
//! The whole file is written beside itself, synced and renamed, so that a crash leaves the old
//! revocations or the new ones.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tickcast_core::identity::{REVOCATIONS_MAX, Revocations, Revoked};

use super::bounded;

/// Longest file: that of the most revocations, of the longest names.
const FILE_MAX_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Subject(String),
    Token(String),
}

/// Reads the file; without one nothing is revoked.
pub(super) fn read(path: &Path) -> Result<Revocations, String> {
    let shown = path.display();
    let text = match bounded::read_text(path, FILE_MAX_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("cannot read the revocations in {shown}: {error}")),
    };
    let mut revocations = Revocations::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = serde_json::from_str(line).map_err(|_| {
            format!(
                "{shown}:{number}: it is no revocation, such as {{\"subject\":\"alice\"}} or \
                 {{\"token\":\"ID\"}}"
            )
        })?;
        let revoked = match line {
            Line::Subject(subject) => Revoked::Subject(subject.into()),
            Line::Token(token) => Revoked::Token(token.into()),
        };
        if revocations.add(revoked).is_none() {
            return Err(format!(
                "{shown}: too many revocations (limit {REVOCATIONS_MAX})"
            ));
        }
    }
    Ok(revocations)
}

/// The number of revocations in a file, and the file as it would be written.
pub(crate) fn read_again(path: &Path) -> Result<(usize, String), String> {
    let revocations = read(path)?;
    Ok((revocations.iter().count(), text(&revocations)?))
}

/// Replaces the file.
pub(super) fn write(path: &Path, revocations: &Revocations) -> Result<(), String> {
    let text = text(revocations)?;
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let written = || {
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    written().map_err(|error| {
        format!(
            "cannot write the revocations to {}: {error}",
            path.display()
        )
    })
}

fn text(revocations: &Revocations) -> Result<String, String> {
    let mut text = String::new();
    for revoked in revocations.iter() {
        let line = match revoked {
            Revoked::Subject(subject) => Line::Subject(subject.to_string()),
            Revoked::Token(token) => Line::Token(token.to_string()),
        };
        let line = serde_json::to_string(&line).map_err(|error| error.to_string())?;
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}
