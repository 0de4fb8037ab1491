//! Recorded files.

use tickcast_protocol::topic::Topic;
use tickcast_server::testing::replay::{Chunk, CsvFormat, Recording, ReplayFile};

use super::{delivery::check_delivery, file::with_file};

/// Most lines of an input of the fuzzer. Compressed bytes become about a thousand times as many.
const LINES_MAX: usize = 1 << 24;

/// A line with a format, then a recorded file.
pub fn replay(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (format, content) = bytes.split_at(end.map_or(0, |end| end + 1));
    let format = std::str::from_utf8(format).ok();
    let format = format.and_then(|format| format.trim_end_matches('\n').parse().ok());
    let format: CsvFormat = format.unwrap_or_default();
    let written = format.to_string().parse::<CsvFormat>();
    assert_eq!(written.as_ref(), Ok(&format));
    with_file(content, |path| {
        let file = ReplayFile {
            topic: Topic::new("t").expect("it is valid"),
            path: path.to_owned(),
        };
        let Ok(mut recording) = Recording::open(&file, &format) else {
            return;
        };
        let (mut lines, mut last) = (0, 0);
        let mut chunk = Chunk::default();
        while recording.read(&mut chunk) {
            lines += 1;
            assert!(lines <= LINES_MAX, "the reading ends");
            for bad in chunk.bad_rows.drain(..) {
                assert!(bad.line >= last, "line numbers increase");
                last = bad.line;
            }
            for row in chunk.rows.drain(..) {
                check_delivery(&row.value, Some(row.time_ns));
            }
        }
    });
}
