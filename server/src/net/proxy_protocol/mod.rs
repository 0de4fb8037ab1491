//! The header of the PROXY protocol, version 2, with which a proxy begins a connection to name its
//! client. Specification: HAProxy's `proxy-protocol.txt`, section 2.2.
//!
//! A pure parser. Version 1, a line of text, is refused: it has no end that could be found without
//! guessing, and every proxy can write version 2.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What every header begins with.
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// What a header of version 1 begins with.
const VERSION_1: &[u8] = b"PROXY ";

/// Signature, version with command, family, and length of the rest.
pub const FIXED_BYTES: usize = 16;

/// Longest rest of a header: addresses, and what proxies add about TLS. HAProxy writes less than
/// 600 bytes; a client certificate is the longest that a proxy may add.
pub const REST_MAX_BYTES: usize = 4096;

/// The extension with a checksum of the header (`PP2_TYPE_CRC32C`).
const TYPE_CRC32C: u8 = 0x03;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// The proxy itself connects, for instance to see whether the server is alive.
    Local,
    /// The proxy connects for this client.
    Client(SocketAddr),
    /// The proxy connects for a client without an address of TCP.
    Unknown,
}

/// A header, or how much of it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// The header has this many bytes at least.
    Incomplete(usize),
    /// The whole header, and its length.
    Complete(Header, usize),
}

/// Why a connection does not begin with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Something else comes first.
    #[error(
        "the connection does not begin with a PROXY header of version 2: have the proxy send one \
         (HAProxy: send-proxy-v2), or remove proxy_protocol from the listener"
    )]
    Missing,
    /// The header is of version 1.
    #[error(
        "the PROXY header has version 1: have the proxy send version 2 (HAProxy: send-proxy-v2)"
    )]
    VersionOne,
    /// It is of another version.
    #[error("the PROXY header has version {0}, and version 2 is expected")]
    Version(u8),
    /// The command is none.
    #[error("the PROXY header has the command {0}, and 0 (LOCAL) or 1 (PROXY) is expected")]
    Command(u8),
    /// The family or the transport does not exist.
    #[error("the PROXY header has the family {0:#04x}, which does not exist")]
    Family(u8),
    /// It is too long.
    #[error("the PROXY header has {0} bytes after the first 16 (limit {REST_MAX_BYTES})")]
    TooLong(usize),
    /// It ends before its addresses do.
    #[error(
        "the PROXY header has {0} bytes after the first 16, which is too short for its addresses"
    )]
    TooShort(usize),
    /// An extension is longer than the header.
    #[error("an extension of the PROXY header is longer than the header")]
    Extension,
    /// The checksum is wrong.
    #[error("the checksum of the PROXY header is wrong")]
    Checksum,
}

/// Parses the first bytes of a connection.
pub fn parse(bytes: &[u8]) -> Result<Parsed, HeaderError> {
    let known = bytes.len().min(SIGNATURE.len());
    if bytes[..known] != SIGNATURE[..known] {
        // A part of "PROXY " may still become the beginning of something else.
        return Err(match bytes.starts_with(VERSION_1) {
            true => HeaderError::VersionOne,
            false => HeaderError::Missing,
        });
    }
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_BYTES>() else {
        return Ok(Parsed::Incomplete(FIXED_BYTES));
    };
    let [.., version_and_command, family, high, low] = *fixed;
    let (version, command) = (version_and_command >> 4, version_and_command & 0xf);
    if version != 2 {
        return Err(HeaderError::Version(version));
    }
    if command > 1 {
        return Err(HeaderError::Command(command));
    }
    let len = usize::from(u16::from_be_bytes([high, low]));
    if len > REST_MAX_BYTES {
        return Err(HeaderError::TooLong(len));
    }
    let addresses_len = addresses_len(family)?;
    // A receiver ignores the addresses of LOCAL, which a proxy may leave out.
    let addresses_len = if command == 0 { 0 } else { addresses_len };
    if len < addresses_len {
        return Err(HeaderError::TooShort(len));
    }
    let total = FIXED_BYTES + len;
    let Some(rest) = rest.get(..len) else {
        return Ok(Parsed::Incomplete(total));
    };
    if command == 0 {
        return Ok(Parsed::Complete(Header::Local, total));
    }
    let (addresses, extensions) = rest.split_at(addresses_len);
    check_extensions(&bytes[..total], extensions)?;
    let client = client(family, addresses);
    Ok(Parsed::Complete(
        client.map_or(Header::Unknown, Header::Client),
        total,
    ))
}

/// Length of both addresses, with their ports.
fn addresses_len(family: u8) -> Result<usize, HeaderError> {
    const TRANSPORT_MAX: u8 = 2;
    let len = match family >> 4 {
        0 => 0,
        1 => 12,
        2 => 36,
        3 => 216,
        _ => return Err(HeaderError::Family(family)),
    };
    match family & 0xf {
        0..=TRANSPORT_MAX => Ok(len),
        _ => Err(HeaderError::Family(family)),
    }
}

/// The source, if it is an address of TCP.
fn client(family: u8, addresses: &[u8]) -> Option<SocketAddr> {
    const TCP_4: u8 = 0x11;
    const TCP_6: u8 = 0x21;
    let port = |at: usize| {
        let bytes = addresses.get(at..)?.first_chunk()?;
        Some(u16::from_be_bytes(*bytes))
    };
    let (ip, port) = match family {
        TCP_4 => {
            let ip: [u8; 4] = *addresses.first_chunk()?;
            (IpAddr::from(Ipv4Addr::from(ip)), port(8)?)
        }
        TCP_6 => {
            let ip: [u8; 16] = *addresses.first_chunk()?;
            (IpAddr::from(Ipv6Addr::from(ip)), port(32)?)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip.to_canonical(), port))
}

/// Checks that the extensions fill their place, and the checksum if there is one.
fn check_extensions(header: &[u8], mut extensions: &[u8]) -> Result<(), HeaderError> {
    while let [kind, high, low, rest @ ..] = extensions {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, rest) = rest.split_at_checked(len).ok_or(HeaderError::Extension)?;
        if *kind == TYPE_CRC32C {
            let at = header.len() - rest.len() - len;
            let sum = value.try_into().map_err(|_| HeaderError::Checksum)?;
            if crc32c(header, at) != u32::from_be_bytes(sum) {
                return Err(HeaderError::Checksum);
            }
        }
        extensions = rest;
    }
    match extensions {
        [] => Ok(()),
        _ => Err(HeaderError::Extension),
    }
}

/// CRC-32C (RFC 3720, appendix B.4), with the four bytes of the checksum itself as zeros. A header
/// is short and comes once per connection, so no table is needed.
fn crc32c(bytes: &[u8], checksum_at: usize) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut crc = u32::MAX;
    for (at, byte) in bytes.iter().enumerate() {
        let is_checksum = (checksum_at..checksum_at + 4).contains(&at);
        crc ^= u32::from(if is_checksum { 0 } else { *byte });
        for _ in 0..8 {
            crc = (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg());
        }
    }
    !crc
}
