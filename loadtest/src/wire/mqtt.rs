//! The MQTT packets of a publisher, as bytes (OASIS MQTT Version 3.1.1). No client library is used,
//! because it would put a queue and a thread between the moment that counts as sent and the socket.

/// A `CONNECT` packet (section 3.1) with a clean session and without keep-alive.
pub fn connect(client_id: &str, login: Option<(&str, &str)>) -> Vec<u8> {
    const CLEAN_SESSION: u8 = 0x02;
    const USER_AND_PASSWORD: u8 = 0xc0;
    let flags = CLEAN_SESSION | login.map_or(0, |_| USER_AND_PASSWORD);
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, flags, 0, 0];
    append_text(client_id, &mut body);
    if let Some((user, password)) = login {
        append_text(user, &mut body);
        append_text(password, &mut body);
    }
    let mut packet = vec![0x10];
    append_length(body.len(), &mut packet);
    packet.append(&mut body);
    packet
}

/// Why a broker's answer to [`connect`] does not open the connection (section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnackError {
    /// The answer is no `CONNACK`.
    #[error("the broker's first packet is not CONNACK; is this an MQTT 3.1.1 broker?")]
    NotConnack,
    /// The return code (table 3.1).
    #[error("the broker refused the connection with return code {0} (4 and 5: check the login)")]
    Refused(u8),
}

/// Bytes of a `CONNACK`.
pub const CONNACK_BYTES: usize = 4;

/// Checks the answer to [`connect`].
pub fn check_connack(packet: [u8; CONNACK_BYTES]) -> Result<(), ConnackError> {
    match packet {
        [0x20, 2, _, 0] => Ok(()),
        [0x20, 2, _, code] => Err(ConnackError::Refused(code)),
        _ => Err(ConnackError::NotConnack),
    }
}

/// Appends a `PUBLISH` packet (section 3.3) with QoS 0.
pub fn append_publish(topic: &str, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x30);
    append_length(2 + topic.len() + payload.len(), out);
    append_text(topic, out);
    out.extend_from_slice(payload);
}

/// A `DISCONNECT` packet (section 3.14).
pub const DISCONNECT: [u8; 2] = [0xe0, 0];

/// Appends a string (section 1.5.3). Topics and names are far shorter than 65,536 bytes.
fn append_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Appends the remaining length (section 2.2.3): 7 bits per byte, least significant first.
fn append_length(mut len: usize, out: &mut Vec<u8>) {
    loop {
        let bits = (len & 0x7f) as u8;
        len >>= 7;
        if len == 0 {
            out.push(bits);
            return;
        }
        out.push(bits | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_have_the_layout_of_the_specification() {
        assert_eq!(
            connect("ab", Some(("u", "pw"))),
            b"\x10\x15\x00\x04MQTT\x04\xc2\x00\x00\x00\x02ab\x00\x01u\x00\x02pw"
        );
        let mut packet = Vec::new();
        append_publish("a/b", b"21.5", &mut packet);
        assert_eq!(packet, b"\x30\x09\x00\x03a/b21.5");
    }

    #[test]
    fn lengths_are_encoded_as_in_table_2_4() {
        for (len, expected) in [
            (127, &[0x7f][..]),
            (128, &[0x80, 0x01]),
            (16_383, &[0xff, 0x7f]),
            (16_384, &[0x80, 0x80, 0x01]),
        ] {
            let mut out = Vec::new();
            append_length(len, &mut out);
            assert_eq!(out, expected, "{len}");
        }
    }

    #[test]
    fn an_answer_that_refuses_differs_from_one_that_accepts() {
        assert_eq!(check_connack([0x20, 2, 0, 0]), Ok(()));
        assert_eq!(
            check_connack([0x20, 2, 0, 5]),
            Err(ConnackError::Refused(5))
        );
        assert_eq!(
            check_connack([0x30, 2, 0, 0]),
            Err(ConnackError::NotConnack)
        );
    }
}
