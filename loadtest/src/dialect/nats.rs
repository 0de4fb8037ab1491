//! The NATS client protocol, as far as publishers and subscribers need it: `INFO`, `CONNECT`,
//! `SUB`, `PUB`, `MSG <subject> <sid> [reply-to] <#bytes>`, `PING`, `PONG`, `+OK`, `-ERR`. Pure.
//!
//! WebSocket messages are only an envelope here: a message may end in the middle of a line.

use super::{
    incoming::{ClientRole, Incoming},
    selection::topic_name,
};
use crate::{
    scan::ScanError,
    schedule::Stamp,
    wire::websocket::{self, Opcode},
};

const LINE_END: &[u8] = b"\r\n";

/// Separates the levels of a subject.
pub(super) const SEPARATOR: char = '.';

/// Appends what a client sends first.
pub(super) fn append_greeting(role: ClientRole, out: &mut Vec<u8>) {
    let mut lines = String::from("CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
    if let ClientRole::Subscriber(topics) = role {
        for topic in topics.iter() {
            let subject = topic_name(topic, SEPARATOR);
            lines += &format!("SUB {subject} {}\r\n", topic + 1);
        }
    }
    // The pong confirms that the server has read everything before.
    lines += "PING\r\n";
    websocket::append_frame(Opcode::Binary, lines.as_bytes(), out);
}

/// Appends the frame that publishes one update.
pub(super) fn append_publication(subject: &str, payload: &[u8], out: &mut Vec<u8>) {
    let line = format!("PUB {subject} {}\r\n", payload.len());
    let parts = [line.as_bytes(), payload, LINE_END];
    websocket::append_frame_of_parts(Opcode::Binary, &parts, out);
}

/// Appends the frame that answers a ping.
pub(super) fn append_pong(out: &mut Vec<u8>) {
    websocket::append_frame(Opcode::Binary, b"PONG\r\n", out);
}

/// Hands out the complete lines at the start of `bytes`, and returns their length.
pub(super) fn read_lines(
    bytes: &[u8],
    incoming: &mut impl FnMut(Incoming<'_>),
) -> Result<usize, ScanError> {
    let mut used = 0;
    while let Some((line, len)) = next_line(&bytes[used..]) {
        used += len;
        match line {
            ServerLine::Message(payload) => {
                let stamp = Stamp::read(payload).ok_or(ScanError::Malformed)?;
                incoming(Incoming::Update(stamp));
            }
            ServerLine::Ping => incoming(Incoming::Ping),
            ServerLine::Pong => incoming(Incoming::Subscribed),
            ServerLine::Error(text) => incoming(Incoming::Error(text)),
            ServerLine::Other => {}
        }
    }
    Ok(used)
}

/// A line of the server, with the payload that follows it.
#[derive(Debug, PartialEq, Eq)]
enum ServerLine<'a> {
    /// A message's payload.
    Message(&'a [u8]),
    /// A ping, which must be answered.
    Ping,
    /// The answer to our ping.
    Pong,
    /// An error.
    Error(&'a str),
    /// Any other line.
    Other,
}

/// The first line in `bytes` and its length, or `None` if it is not complete.
fn next_line(bytes: &[u8]) -> Option<(ServerLine<'_>, usize)> {
    // A line has no other line feed than its last byte.
    let len = memchr::memchr(b'\n', bytes)? + 1;
    let line = &bytes[..len.saturating_sub(LINE_END.len())];
    if let Some(message) = line.strip_prefix(b"MSG ") {
        let size = message.rsplit(|&byte| byte == b' ').next()?;
        let digit = |sum, &byte: &u8| sum * 10 + usize::from(byte.wrapping_sub(b'0'));
        let size = size.iter().fold(0, digit);
        let payload = bytes.get(len..len + size)?;
        let end = len + size + LINE_END.len();
        return (bytes.len() >= end).then_some((ServerLine::Message(payload), end));
    }
    let what = match line {
        b"PING" => ServerLine::Ping,
        b"PONG" => ServerLine::Pong,
        _ if line.starts_with(b"-ERR") => {
            ServerLine::Error(std::str::from_utf8(line).unwrap_or("-ERR"))
        }
        _ => ServerLine::Other,
    };
    Some((what, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_messages_come_one_by_one_and_incomplete_ones_wait() {
        const BYTES: &[u8] = b"INFO {}\r\nMSG bench.1 1 4\r\na\r\nb\r\nPING\r\n";
        let mut rest = BYTES;
        for expected in [
            ServerLine::Other,
            ServerLine::Message(b"a\r\nb"),
            ServerLine::Ping,
        ] {
            let (line, len) = next_line(rest).unwrap();
            assert_eq!(line, expected);
            for cut in 0..len {
                assert_eq!(next_line(&rest[..cut]), None);
            }
            rest = &rest[len..];
        }
        assert!(rest.is_empty());
        let error = next_line(b"-ERR 'Slow Consumer'\r\n").unwrap().0;
        assert_eq!(error, ServerLine::Error("-ERR 'Slow Consumer'"));
    }
}
