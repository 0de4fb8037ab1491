//! The names of files in the folder of a log.

use std::fmt;

/// The file whose lock says that a server uses the folder.
pub(crate) const LOCK: &str = "lock";

/// The ending of files that keep what recovery has cut.
const CUT_ENDING: &str = ".cut";

const SEGMENT_ENDING: &str = ".seg";

/// Digits of a segment's number.
const DIGITS: usize = 10;

/// Names that others put into a folder: a file system and its snapshots.
const IGNORED: [&str; 1] = ["lost+found"];

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// A segment with this number.
    Segment(u64),
    /// Something that the log has made and does not read, or that is none of its business.
    Other,
    /// Something that is not from here.
    Foreign,
}

impl Name {
    /// Reads a name.
    pub(crate) fn parse(name: &str) -> Self {
        if let Some(digits) = name.strip_suffix(SEGMENT_ENDING) {
            let are_digits = digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
            return match digits.parse() {
                Ok(number) if are_digits => Self::Segment(number),
                _ => Self::Foreign,
            };
        }
        let is_ours = name == LOCK || name.ends_with(CUT_ENDING);
        match is_ours || IGNORED.contains(&name) || name.starts_with('.') {
            true => Self::Other,
            false => Self::Foreign,
        }
    }

    /// The name of a segment.
    pub(crate) fn of_segment(number: u64) -> String {
        format!("{number:0DIGITS$}{SEGMENT_ENDING}")
    }

    /// The name of a file that keeps what was cut off a segment.
    pub(crate) fn of_cut(number: u64, offset: u64, now: impl fmt::Display) -> String {
        format!("{number:0DIGITS$}-{offset}-{now}{CUT_ENDING}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_known_by_their_names_and_foreign_files_as_well() {
        let check = |name: &str, expected| assert_eq!(Name::parse(name), expected, "{name}");
        check("0000000001.seg", Name::Segment(1));
        check(
            &Name::of_segment(4_000_000_000),
            Name::Segment(4_000_000_000),
        );
        check(&Name::of_cut(7, 64, 5), Name::Other);
        check("lock", Name::Other);
        check("lost+found", Name::Other);
        check(".snapshot", Name::Other);
        for foreign in [
            "1.seg",
            "000000000x.seg",
            "+000000001.seg",
            "thesis.doc",
            "seg",
        ] {
            check(foreign, Name::Foreign);
        }
    }
}
