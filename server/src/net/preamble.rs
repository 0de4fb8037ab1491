//! What comes before HTTP on a connection, and how a client is told that it is wrong there.

use super::{peer::Peer, proxy_protocol};

/// First byte of a TLS handshake (RFC 8446, section 5.1).
pub(super) const TLS_HANDSHAKE: u8 = 0x16;

/// What HTTP gets where TLS is expected.
pub(super) const PLAIN_HTTP_ANSWER: &str = "HTTP/1.1 400 Bad Request\r\n\
    connection: close\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 55\r\n\r\n\
    this address speaks TLS alone: use https:// and wss://\n";

/// What a listener for HTTP makes of bytes that are none.
pub(super) fn unexpected(read: &[u8]) -> Option<&'static str> {
    if read.starts_with(&[TLS_HANDSHAKE, 3]) {
        return Some(
            "a client speaks TLS, and this listener has no certificate: set tls_cert, or have the \
             client use http:// and ws://",
        );
    }
    // What is left after the empty lines that HTTP allows before a request.
    let rest = proxy_protocol::SIGNATURE.trim_ascii_start();
    (!read.is_empty() && read.trim_ascii_start().starts_with(rest)).then_some(
        "a connection begins with a PROXY header, and this listener expects none: set \
         proxy_protocol = \"v2\" for it, or have the proxy send none",
    )
}

/// Why a connection more from an address is refused.
pub(super) fn too_many(peer: Peer, max: usize) -> String {
    let address = peer
        .ip()
        .map_or_else(|| peer.to_string(), |ip| ip.to_string());
    format!(
        "too many connections from {address} (limit {max}): close some of them, or raise \
         `connections-per-address-max`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_plain_http_has_the_length_that_it_says() {
        let (head, body) = PLAIN_HTTP_ANSWER.split_once("\r\n\r\n").unwrap();
        let length = format!("content-length: {}", body.len());
        assert!(head.ends_with(&length), "{length}");
    }

    #[test]
    fn a_client_with_too_many_connections_is_told_its_address_and_the_limit() {
        let peer = Peer::tcp("203.0.113.7:40000".parse().unwrap());
        let expected = "too many connections from 203.0.113.7 (limit 64): ";
        assert!(too_many(peer, 64).starts_with(expected));
    }

    #[test]
    fn tls_and_a_proxy_header_are_known_where_http_is_expected() {
        assert!(unexpected(&[0x16, 3, 1]).unwrap().contains("speaks TLS"));
        let header = [&proxy_protocol::SIGNATURE[..], &[0x21]].concat();
        assert!(unexpected(&header).unwrap().contains("PROXY header"));
        for other in [&b""[..], b"GET / HTTP/1.1", b"\r\n", &[0x16], &[0; 4]] {
            assert_eq!(unexpected(other), None, "{other:?}");
        }
    }
}
