//! History as CSV.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use tickcast_protocol::topic::Topic;

use crate::store::{LANE_MAIN, LANE_SECOND, Series, SeriesKind, TimeNs};

/// Writes the samples between two times, with the times in UTC to the nanosecond (RFC 3339), and
/// before a sample behind a gap how many updates are missing (`?` if nobody knows). Returns how
/// many samples there were.
pub fn csv(
    series: &Series,
    decimals: u8,
    (from_ns, to_ns): (TimeNs, TimeNs),
    out: &mut impl Write,
) -> io::Result<u64> {
    let columns = match series.kind() {
        SeriesKind::Reading => "value",
        SeriesKind::Trade => "price,size",
        SeriesKind::Quote => "bid,ask",
    };
    writeln!(out, "time,{columns},lost_before")?;
    let (from, to) = (
        series.index_at(from_ns),
        series.index_at(to_ns.saturating_add(1)),
    );
    let mut gaps = series.gaps_between(from_ns, to_ns).peekable();
    for index in from..to {
        let time = Timestamp::from_nanosecond(i128::from(series.time(index))).unwrap_or_default();
        let main = series.value(LANE_MAIN, index);
        let decimals = usize::from(decimals);
        match series.kind() {
            SeriesKind::Reading => write!(out, "{time},{main}")?,
            SeriesKind::Trade => {
                let size = series.value(LANE_SECOND, index);
                write!(out, "{time},{main:.decimals$},{size}")?;
            }
            SeriesKind::Quote => {
                let ask = series.value(LANE_SECOND, index);
                write!(out, "{time},{main:.decimals$},{ask:.decimals$}")?;
            }
        }
        while gaps.next_if(|gap| gap.before < index).is_some() {}
        match gaps.next_if(|gap| gap.before == index) {
            Some(gap) => match gap.lost {
                Some(lost) => writeln!(out, ",{lost}")?,
                None => writeln!(out, ",?")?,
            },
            None => writeln!(out, ",")?,
        }
    }
    Ok(to - from)
}

/// A file name that tells what is in it and is not taken yet.
pub fn file_name(folder: &Path, topic: &Topic, now_ns: TimeNs, ending: &str) -> PathBuf {
    /// Longer names are refused by some file systems, together with what is around it.
    const NAME_MAX_CHARS: usize = 120;
    let safe: String = topic
        .as_str()
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
    // Some characters have four bytes.
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

/// Writes a file by way of another name, so that nobody sees half of it.
pub fn write_file<T>(
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
            // The first error is the one to tell.
            let _ = fs::remove_file(&partial);
            Err(error)
        }
    }
}

/// Where files go: the person's folder for downloads if there is one, else their home.
pub fn folder() -> PathBuf {
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
    use crate::store::GapCause;

    #[test]
    fn samples_and_what_is_missing_between_them_are_written() {
        let mut series = Series::new(SeriesKind::Trade);
        series.append(0, [39_484.6, 0.5]);
        series.mark_gap(Some(7), GapCause::Lost);
        series.append(1_000_000_000, [39_485.0, 1.0]);
        series.append(2_000_000_001, [1.0, 1.0]);
        let mut out = Vec::new();
        let rows = csv(&series, 2, (0, 1_000_000_000), &mut out).unwrap();
        assert_eq!(rows, 2);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "time,price,size,lost_before\n\
             1970-01-01T00:00:00Z,39484.60,0.5,\n\
             1970-01-01T00:00:01Z,39485.00,1,7\n"
        );
    }

    #[test]
    fn a_file_that_is_there_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let topic = Topic::new("a/b c").unwrap();
        let first = file_name(folder.path(), &topic, 0, "csv");
        assert!(first.ends_with("tickcast-a_b_c-19700101-000000.csv"));
        write_file(&first, |out| out.write_all(b"x")).unwrap();
        let second = file_name(folder.path(), &topic, 0, "csv");
        assert_ne!(first, second);
        let failed = write_file(&second, |_| Err::<(), _>(io::Error::other("no")));
        assert!(failed.is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
