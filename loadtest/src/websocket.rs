//! The client's side of WebSocket (RFC 6455), as bytes: no sockets here.
//!
//! The load tester reads many thousand connections from one thread into one buffer, and takes the
//! time as soon as the bytes are there. Nothing of a connection is kept but what a frame left
//! unfinished. That is why it does not use a WebSocket library.

use std::ops::Range;

/// The key of the handshake and its answer, from the RFC's own example (section 1.3). The key
/// protects proxies from being fooled; a load tester that always sends the same one harms nobody.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The answer to it, for servers that speak to nobody else.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Longest answer to a handshake. The server's has about 200 bytes.
const RESPONSE_MAX_BYTES: usize = 16 * 1024;

/// RFC 6455, section 5.5: the payload of a control frame.
const CONTROL_MAX_BYTES: usize = 125;

/// What a frame is for (RFC 6455, section 11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// Goes on with a fragmented message.
    Continuation,
    /// A message in UTF-8.
    Text,
    /// A message in bytes.
    Binary,
    /// The end.
    Close,
    /// To be answered with a pong.
    Ping,
    /// The answer.
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
    /// Whether it ends its message.
    pub fin: bool,
    /// What it is for.
    pub opcode: Opcode,
    /// Where the payload lies; the next frame starts at its end.
    pub payload: Range<usize>,
}

/// What a server may not send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebSocketError {
    /// Not `101 Switching Protocols`, or not for us.
    #[error("the server refused the handshake: {0}")]
    Refused(String),
    /// Section 5.2: without an extension these are 0.
    #[error("reserved bits or an unknown opcode")]
    Reserved,
    /// Section 5.1: a server does not mask.
    #[error("a masked frame")]
    Masked,
    /// Section 5.5.
    #[error("a control frame that is fragmented or too long")]
    Control,
    /// Longer than a server of this protocol sends.
    #[error("a frame of {0} bytes")]
    TooLong(u64),
}

/// The request that opens a connection. Without a subprotocol the server may choose none either.
pub fn handshake_request(host: &str, path: &str, subprotocol: Option<&str>) -> String {
    let subprotocol = subprotocol.map_or(String::new(), |name| {
        format!("Sec-WebSocket-Protocol: {name}\r\n")
    });
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{subprotocol}\r\n"
    )
}

/// Checks the server's answer at the start of `bytes`. `Ok(None)` if it is not complete, else its
/// length.
pub fn handshake_response(
    bytes: &[u8],
    subprotocol: Option<&str>,
) -> Result<Option<usize>, WebSocketError> {
    let refused = |reason: &str| Err(WebSocketError::Refused(reason.to_owned()));
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        if bytes.len() > RESPONSE_MAX_BYTES {
            return refused("its answer does not end");
        }
        return Ok(None);
    };
    let Ok(text) = std::str::from_utf8(&bytes[..end]) else {
        return refused("its answer is not text");
    };
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 101") {
        return refused(status);
    }
    let header = |name: &str| {
        text.split("\r\n").skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    if header("sec-websocket-accept") != Some(ACCEPT) {
        return refused("its Sec-WebSocket-Accept does not fit the key");
    }
    if header("sec-websocket-protocol") != subprotocol {
        return refused("it did not take the subprotocol");
    }
    Ok(Some(end + 4))
}

/// The frame at the start of `bytes`. `Ok(None)` if it is not complete.
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
/// as it is: the key protects proxies from a hostile page, and there is neither here.
pub fn append_frame(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    const FIN: u8 = 0x80;
    const MASKED: u8 = 0x80;
    out.push(FIN | opcode.number());
    match payload.len() {
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
    out.extend_from_slice(payload);
}

/// The code of a close frame; 1005 stands for none (RFC 6455, section 7.1.5).
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
    fn what_a_server_may_not_send_is_refused() {
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
    fn only_a_right_answer_opens_the_connection() {
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
    fn a_close_without_a_code_counts_as_1005() {
        assert_eq!(close_code(&[]), 1005);
        assert_eq!(close_code(&[0x0f, 0xa0, b'x']), 4000);
    }
}
