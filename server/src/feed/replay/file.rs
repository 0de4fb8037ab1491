//! A file to play, as written in the settings.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use tickcast_protocol::topic::Topic;

/// A file, and the topic of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayFile {
    /// By default `replay/` and the file's name without its extension. Columns in braces, as in
    /// `plant/{sensor}`, are replaced by their cells. Not used for a recording of the monitor,
    /// whose rows name their topics.
    pub topic: Topic,
    /// The path of the file.
    pub path: PathBuf,
}

impl FromStr for ReplayFile {
    type Err = String;

    /// Parses `TOPIC=PATH` or `PATH`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (topic, path) = match text.split_once('=') {
            Some((topic, path)) => (topic.to_owned(), PathBuf::from(path)),
            None => {
                let path = PathBuf::from(text);
                (default_topic(&path), path)
            }
        };
        let form = "expected [TOPIC=]PATH, such as market/EUR-USD/quote=quotes.csv";
        let topic =
            Topic::new(&topic).map_err(|error| format!("topic {topic:?}: {error}; {form}"))?;
        if path.as_os_str().is_empty() {
            return Err(format!("the path is empty; {form}"));
        }
        Ok(Self { topic, path })
    }
}

impl ReplayFile {
    /// Whether the settings name the topic.
    pub(super) fn has_own_topic(&self) -> bool {
        self.topic.as_str() != default_topic(&self.path)
    }
}

fn default_topic(path: &Path) -> String {
    let name = match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("gz") => path.with_extension(""),
        _ => path.to_owned(),
    };
    let name = name.file_stem().unwrap_or_default().to_string_lossy();
    format!("replay/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_given_topic_or_one_derived_from_its_name() {
        let check = |text: &str, topic: &str, path: &str| {
            let file: ReplayFile = text.parse().unwrap();
            assert_eq!(
                (file.topic.as_str(), file.path),
                (topic, PathBuf::from(path))
            );
        };
        check("data/eurusd.csv", "replay/eurusd", "data/eurusd.csv");
        check("eurusd.csv.gz", "replay/eurusd", "eurusd.csv.gz");
        check("plant/{sensor}=a.csv", "plant/{sensor}", "a.csv");
        check(
            "market/EUR/quote=a/b=c.csv",
            "market/EUR/quote",
            "a/b=c.csv",
        );
        for text in ["a/#=b.csv", "=b.csv", "a=", ""] {
            assert!(text.parse::<ReplayFile>().is_err(), "{text:?}");
        }
    }
}
