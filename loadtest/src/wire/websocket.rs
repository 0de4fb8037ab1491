//! The client's side of WebSocket (RFC 6455), as bytes: no sockets here.
//!
//! No WebSocket library is used, for two reasons. The load tester must know the moment at which
//! bytes were read from or written to the socket, and a library puts its buffers in between. And
//! one thread reads many thousand connections into one buffer; a connection keeps nothing but an
//! unfinished frame, while a library keeps buffers per connection.

use std::ops::Range;

use tickcast_protocol::message::BearerToken;

/// The key of the handshake, from the RFC's own example (section 1.3). The key protects proxies
/// from forged requests, so a load tester can always send the same one.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The answer to this key, for servers that serve only this load generator.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Longest answer to a handshake. Tickcast's has about 200 bytes.
const RESPONSE_MAX_BYTES: usize = 16 * 1024;

/// Longest payload of a control frame (RFC 6455, section 5.5).
const CONTROL_MAX_BYTES: usize = 125;

/// The kinds of frames (RFC 6455, section 11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation,
    /// A message in UTF-8.
    Text,
    /// A message in bytes.
    Binary,
    /// The end of the connection.
    Close,
    /// Must be answered with a pong.
    Ping,
    /// The answer to a ping.
    Pong,
}

impl Opcode {
    fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    fn is_control(self) -> bool {
        self.number() >= 8
    }
}

/// A whole frame at the start of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Whether the frame ends its message.
    pub fin: bool,
    /// The kind of frame.
    pub opcode: Opcode,
    /// Where the payload lies. The next frame starts at its end.
    pub payload: Range<usize>,
}

/// What a server must not send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebSocketError {
    /// The answer is not `101 Switching Protocols`, or does not fit the request.
    #[error("the server refused the handshake: {0}")]
    Refused(String),
    /// Section 5.2: without an extension the reserved bits are 0.
    #[error("the server sent a frame with reserved bits or an unknown opcode")]
    Reserved,
    /// Section 5.1: a server does not mask.
    #[error("the server sent a masked frame")]
    Masked,
    /// Section 5.5.
    #[error("the server sent a control frame that is fragmented or longer than 125 bytes")]
    Control,
    /// The frame or message is longer than the protocol allows.
    #[error("the server sent a message of {0} bytes, which is more than its protocol allows")]
    TooLong(u64),
}

/// The request that opens a connection. Without a subprotocol the server must choose none either.
/// The token proves an identity.
pub fn handshake_request(
    host: &str,
    path: &str,
    subprotocol: Option<&str>,
    token: Option<&BearerToken>,
) -> String {
    let subprotocol = subprotocol.map_or(String::new(), |name| {
        format!("Sec-WebSocket-Protocol: {name}\r\n")
    });
    let authorization = token.map_or(String::new(), |token| {
        format!("Authorization: Bearer {}\r\n", token.secret())
    });
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\
         {authorization}{subprotocol}\r\n"
    )
}

/// Checks the server's answer at the start of `bytes`. Returns its length, or `None` if it is not
/// complete.
pub fn handshake_response(
    bytes: &[u8],
    subprotocol: Option<&str>,
) -> Result<Option<usize>, WebSocketError> {
    let refused = |reason: &str| Err(WebSocketError::Refused(reason.to_owned()));
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        if bytes.len() > RESPONSE_MAX_BYTES {
            return refused("its answer is longer than 16 KiB");
        }
        return Ok(None);
    };
    let Ok(text) = std::str::from_utf8(&bytes[..end]) else {
        return refused("its answer is not UTF-8");
    };
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 101") {
        // The reason, if it has arrived with the header.
        let body = String::from_utf8_lossy(&bytes[end + 4..]);
        let reason = body.lines().next().unwrap_or_default();
        return refused(format!("{status}: {reason}").trim_end_matches(": "));
    }
    let header = |name: &str| {
        text.split("\r\n").skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    if header("sec-websocket-accept") != Some(ACCEPT) {
        return refused("its Sec-WebSocket-Accept does not match the key");
    }
    if header("sec-websocket-protocol") != subprotocol {
        return refused("it did not accept the subprotocol");
    }
    Ok(Some(end + 4))
}

/// The frame at the start of `bytes`, or `None` if it is not complete.
pub fn parse_frame(bytes: &[u8], max_bytes: usize) -> Result<Option<Frame>, WebSocketError> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    let opcode = Opcode::from_number(first & 0x0f).ok_or(WebSocketError::Reserved)?;
    if first & 0x70 != 0 {
        return Err(WebSocketError::Reserved);
    }
    if second & 0x80 != 0 {
        return Err(WebSocketError::Masked);
    }
    let fin = first & 0x80 != 0;
    let (start, len) = match second {
        126 => match rest.first_chunk() {
            Some(len) => (4, u64::from(u16::from_be_bytes(*len))),
            None => return Ok(None),
        },
        127 => match rest.first_chunk() {
            Some(len) => (10, u64::from_be_bytes(*len)),
            None => return Ok(None),
        },
        len => (2, u64::from(len)),
    };
    if opcode.is_control() && (!fin || len > CONTROL_MAX_BYTES as u64) {
        return Err(WebSocketError::Control);
    }
    if len > max_bytes as u64 {
        return Err(WebSocketError::TooLong(len));
    }
    let end = start + len as usize;
    Ok((bytes.len() >= end).then_some(Frame {
        fin,
        opcode,
        payload: start..end,
    }))
}

/// Appends a whole message as one frame of a client. The masking key is 0, which leaves the payload
/// unchanged: masking protects proxies from a hostile page, and neither exists here.
pub fn append_frame(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    append_frame_of_parts(opcode, &[payload], out);
}

/// As [`append_frame`], with a payload in several parts.
pub fn append_frame_of_parts(opcode: Opcode, parts: &[&[u8]], out: &mut Vec<u8>) {
    const FIN: u8 = 0x80;
    const MASKED: u8 = 0x80;
    out.push(FIN | opcode.number());
    match parts.iter().map(|part| part.len()).sum() {
        len @ 0..=125 => out.push(MASKED | len as u8),
        len @ 126..=0xffff => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// The code of a close frame. 1005 means that the frame has none (RFC 6455, section 7.1.5).
pub fn close_code(payload: &[u8]) -> u16 {
    payload
        .first_chunk()
        .map_or(1005, |code| u16::from_be_bytes(*code))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1 << 20;

    fn server_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        // A client's frame without the mask bit and the key.
        let mut frame = Vec::new();
        append_frame(opcode, payload, &mut frame);
        frame[1] &= 0x7f;
        let key = frame.len() - payload.len() - 4;
        frame.drain(key..key + 4);
        frame
    }

    #[test]
    fn frames_of_all_three_lengths_are_found_and_cut_ones_wait_for_more() {
        for len in [0, 125, 126, 65_535, 65_536] {
            let payload = vec![7; len];
            let bytes = server_frame(Opcode::Binary, &payload);
            let frame = parse_frame(&bytes, MAX).unwrap().unwrap();
            assert_eq!(frame.payload.len(), len);
            assert_eq!(frame.payload.end, bytes.len());
            assert!(frame.fin);
            for cut in [0, 1, 2, 3, 9, bytes.len() - 1] {
                if cut < bytes.len() {
                    assert_eq!(parse_frame(&bytes[..cut], MAX).unwrap(), None);
                }
            }
        }
    }

    #[test]
    fn frames_that_a_server_must_not_send_are_refused() {
        for (bytes, error) in [
            (&[0xc2, 0][..], WebSocketError::Reserved),
            (&[0x83, 0], WebSocketError::Reserved),
            (&[0x82, 0x80], WebSocketError::Masked),
            (&[0x09, 0], WebSocketError::Control),
            (&[0x89, 126, 0, 126], WebSocketError::Control),
            (
                &[0x82, 127, 0, 0, 0, 0, 0, 16, 0, 1],
                WebSocketError::TooLong(MAX as u64 + 1),
            ),
        ] {
            assert_eq!(parse_frame(bytes, MAX), Err(error));
        }
    }

    #[test]
    fn only_an_answer_that_fits_the_request_opens_the_connection() {
        let answer = |status: &str, accept: &str, protocol: &str| {
            format!(
                "HTTP/1.1 {status}\r\nupgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\
                 sec-websocket-protocol: {protocol}\r\n\r\n"
            )
        };
        let good = answer("101 Switching Protocols", ACCEPT, "p");
        let mut with_frame = good.clone().into_bytes();
        with_frame.extend([0x89, 0]);
        assert_eq!(
            handshake_response(&with_frame, Some("p")),
            Ok(Some(good.len()))
        );
        assert_eq!(
            handshake_response(&good.as_bytes()[..40], Some("p")),
            Ok(None)
        );
        assert!(handshake_response(good.as_bytes(), None).is_err());
        for bad in [
            answer("404 Not Found", ACCEPT, "p"),
            answer("101 Switching Protocols", "x", "p"),
            answer("101 Switching Protocols", ACCEPT, "q"),
        ] {
            assert!(handshake_response(bad.as_bytes(), Some("p")).is_err());
        }
    }

    #[test]
    fn a_refusal_is_reported_with_the_servers_reason() {
        let report = |answer: &str| handshake_response(answer.as_bytes(), None).unwrap_err();
        let refused = |reason: &str| WebSocketError::Refused(reason.to_owned());
        let head = "HTTP/1.1 421 Misdirected Request\r\ncontent-length: 9\r\n\r\n";
        assert_eq!(report(head), refused("HTTP/1.1 421 Misdirected Request"));
        assert_eq!(
            report(&format!("{head}no host!\n")),
            refused("HTTP/1.1 421 Misdirected Request: no host!")
        );
    }

    #[test]
    fn a_close_frame_without_a_code_counts_as_1005() {
        assert_eq!(close_code(&[]), 1005);
        assert_eq!(close_code(&[0x0f, 0xa0, b'x']), 4000);
    }
}
