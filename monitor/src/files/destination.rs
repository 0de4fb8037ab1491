//! The names of files, and how they are written.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use tickcast_protocol::message::TimeNs;

/// A file name that names its content and is not taken yet.
pub(crate) fn file_name(folder: &Path, subject: &str, now_ns: TimeNs, ending: &str) -> PathBuf {
    /// Some file systems refuse longer names; the rest of the name needs space too.
    const NAME_MAX_CHARS: usize = 120;
    let safe: String = subject
        .chars()
        .take(NAME_MAX_CHARS)
        .map(|c| {
            if c.is_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    // A character may have four bytes.
    let safe = &safe[..safe.floor_char_boundary(NAME_MAX_CHARS)];
    let time = Timestamp::from_nanosecond(i128::from(now_ns)).unwrap_or_default();
    let time = time.strftime("%Y%m%d-%H%M%S");
    let name = format!("tickcast-{safe}-{time}");
    let mut path = folder.join(format!("{name}.{ending}"));
    let mut number = 2;
    while path.exists() {
        path = folder.join(format!("{name}-{number}.{ending}"));
        number += 1;
    }
    path
}

/// Writes a file under another name and renames it, so that it is never seen incomplete.
pub(crate) fn write_file<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<fs::File>) -> io::Result<T>,
) -> io::Result<T> {
    let partial = path.with_extension("partial");
    let mut out = BufWriter::new(fs::File::create(&partial)?);
    let result = write(&mut out).and_then(|result| {
        out.flush()?;
        Ok(result)
    });
    match result {
        Ok(result) => {
            fs::rename(&partial, path)?;
            Ok(result)
        }
        Err(error) => {
            // The first error is returned.
            let _ = fs::remove_file(&partial);
            Err(error)
        }
    }
}

/// The folder for files: the user's folder for downloads if there is one, else the home folder.
pub(crate) fn folder() -> PathBuf {
    let home = ["HOME", "USERPROFILE"]
        .into_iter()
        .filter_map(std::env::var_os)
        .map(PathBuf::from)
        .find(|path| path.is_absolute());
    let Some(home) = home else {
        return std::env::temp_dir();
    };
    let downloads = home.join("Downloads");
    if downloads.is_dir() { downloads } else { home }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_file_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let topic = "a/b c";
        let first = file_name(folder.path(), topic, 0, "csv");
        assert!(first.ends_with("tickcast-a_b_c-19700101-000000.csv"));
        write_file(&first, |out| out.write_all(b"x")).unwrap();
        let second = file_name(folder.path(), topic, 0, "csv");
        assert_ne!(first, second);
        let failed = write_file(&second, |_| Err::<(), _>(io::Error::other("no")));
        assert!(failed.is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
