//! Recorded files.

use tickcast_server::testing::replay::{CsvFormat, Recording};

use super::{delivery::check_delivery, file::with_file};

/// A line with a format, then a recorded file.
pub fn replay(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (format, content) = bytes.split_at(end.map_or(0, |end| end + 1));
    let format = std::str::from_utf8(format).ok();
    let format = match format.and_then(|format| format.trim_end_matches('\n').parse().ok()) {
        Some(format) => format,
        None => CsvFormat::Automatic,
    };
    let written = format.to_string().parse::<CsvFormat>();
    assert_eq!(written.as_ref(), Ok(&format));
    with_file(content, |path| {
        let Ok(mut recording) = Recording::open(path, &format) else {
            return;
        };
        let (mut rows, mut line) = (0, 0);
        while let Some(row) = recording.next() {
            rows += 1;
            assert!(rows <= content.len() + 1, "more rows than bytes");
            match row {
                Ok(row) => check_delivery(&row.value, Some(row.time_ns)),
                Err(bad) => {
                    assert!(bad.line >= line, "line numbers increase");
                    line = bad.line;
                }
            }
        }
    });
}
