//! What a NATS server says, as far as a subscriber needs it (the NATS client protocol: `INFO`, `MSG
//! <subject> <sid> [reply-to] <#bytes>`, `PING`, `PONG`, `+OK`, `-ERR`). Pure.
//!
//! WebSocket messages are only an envelope here: one may end in the middle of a line.

const LINE_END: &[u8] = b"\r\n";

/// One thing that the server says.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A message's payload.
    Message(&'a [u8]),
    /// To be answered.
    Ping,
    /// The answer to ours.
    Pong,
    /// An error.
    Error(&'a str),
    /// Something else.
    Other,
}

/// The first thing in `bytes` and its length. `None` if it is not complete.
pub fn next(bytes: &[u8]) -> Option<(Line<'_>, usize)> {
    // A line has no other line feed than its last byte.
    let len = memchr::memchr(b'\n', bytes)? + 1;
    let line = &bytes[..len.saturating_sub(LINE_END.len())];
    if let Some(message) = line.strip_prefix(b"MSG ") {
        let size = message.rsplit(|&byte| byte == b' ').next()?;
        let digit = |sum, &byte: &u8| sum * 10 + usize::from(byte.wrapping_sub(b'0'));
        let size = size.iter().fold(0, digit);
        let payload = bytes.get(len..len + size)?;
        let end = len + size + LINE_END.len();
        return (bytes.len() >= end).then_some((Line::Message(payload), end));
    }
    let what = match line {
        b"PING" => Line::Ping,
        b"PONG" => Line::Pong,
        _ if line.starts_with(b"-ERR") => Line::Error(std::str::from_utf8(line).unwrap_or("-ERR")),
        _ => Line::Other,
    };
    Some((what, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_messages_come_one_by_one_and_cut_ones_wait() {
        const BYTES: &[u8] = b"INFO {}\r\nMSG bench.1 1 4\r\na\r\nb\r\nPING\r\n";
        let mut rest = BYTES;
        for expected in [Line::Other, Line::Message(b"a\r\nb"), Line::Ping] {
            let (line, len) = next(rest).unwrap();
            assert_eq!(line, expected);
            for cut in 0..len {
                assert_eq!(next(&rest[..cut]), None);
            }
            rest = &rest[len..];
        }
        assert!(rest.is_empty());
        let error = next(b"-ERR 'Slow Consumer'\r\n").unwrap().0;
        assert_eq!(error, Line::Error("-ERR 'Slow Consumer'"));
    }
}
