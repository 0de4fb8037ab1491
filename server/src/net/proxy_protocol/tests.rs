use proptest::prelude::*;

use super::*;

/// A header of version 2 with this command, family and rest.
fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend([0x20 | command, family]);
    bytes.extend((rest.len() as u16).to_be_bytes());
    bytes.extend(rest);
    bytes
}

/// What a proxy writes for a client.
fn of_client(client: SocketAddr, extensions: &[u8]) -> Vec<u8> {
    let mut rest = Vec::new();
    let family = match client.ip() {
        IpAddr::V4(ip) => {
            rest.extend(ip.octets());
            rest.extend([127, 0, 0, 1]);
            0x11
        }
        IpAddr::V6(ip) => {
            rest.extend(ip.octets());
            rest.extend(Ipv6Addr::LOCALHOST.octets());
            0x21
        }
    };
    rest.extend(client.port().to_be_bytes());
    rest.extend(7400_u16.to_be_bytes());
    rest.extend(extensions);
    header(1, family, &rest)
}

fn complete(bytes: &[u8]) -> Result<Header, HeaderError> {
    match parse(bytes)? {
        Parsed::Complete(header, len) => {
            assert_eq!(len, bytes.len());
            Ok(header)
        }
        Parsed::Incomplete(len) => panic!("{len} bytes are expected"),
    }
}

#[test]
fn a_header_names_the_client() {
    for (client, expected) in [
        ("203.0.113.7:40000", "203.0.113.7:40000"),
        ("[2001:db8::7]:1", "[2001:db8::7]:1"),
        // The form of IPv6 is the same client.
        ("[::ffff:203.0.113.7]:2", "203.0.113.7:2"),
    ] {
        let bytes = of_client(client.parse().unwrap(), &[]);
        let expected = Header::Client(expected.parse().unwrap());
        assert_eq!(complete(&bytes), Ok(expected));
    }
}

#[test]
fn the_example_of_haproxy_is_read() {
    // `send-proxy-v2` of HAProxy 2.6 for a client at 127.0.0.1:51966.
    let bytes = [
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0x00,
        0x0c, 0x7f, 0x00, 0x00, 0x01, 0x7f, 0x00, 0x00, 0x01, 0xca, 0xfe, 0x1c, 0xe8,
    ];
    let client = "127.0.0.1:51966".parse().unwrap();
    assert_eq!(complete(&bytes), Ok(Header::Client(client)));
}

#[test]
fn a_proxy_that_connects_for_itself_says_so() {
    assert_eq!(complete(&header(0, 0, &[])), Ok(Header::Local));
    assert_eq!(complete(&header(0, 0x11, &[1; 12])), Ok(Header::Local));
    // The addresses of LOCAL are ignored, so they may be missing.
    assert_eq!(complete(&header(0, 0x11, &[])), Ok(Header::Local));
}

#[test]
fn a_client_without_an_address_of_tcp_is_unknown() {
    for (family, len) in [(0x00, 0), (0x00, 7), (0x31, 216), (0x12, 12), (0x22, 36)] {
        let rest = match family {
            // What follows no addresses are extensions.
            0x00 if len > 0 => vec![4, 0, 4, 1, 2, 3, 4],
            _ => vec![0; len],
        };
        assert_eq!(complete(&header(1, family, &rest)), Ok(Header::Unknown));
    }
}

#[test]
fn what_is_no_header_is_refused_at_its_first_byte() {
    assert_eq!(parse(b"G"), Err(HeaderError::Missing));
    assert_eq!(parse(b"\r\n\r\nG"), Err(HeaderError::Missing));
    assert_eq!(parse(&[0x16, 3, 1]), Err(HeaderError::Missing));
    assert_eq!(parse(b"GET / HTTP/1.1"), Err(HeaderError::Missing));
    assert_eq!(parse(b"PROXY"), Err(HeaderError::Missing));
    assert_eq!(parse(b"PROXY TCP4 "), Err(HeaderError::VersionOne));
    for (bytes, error) in [
        (header(2, 0x11, &[0; 12]), HeaderError::Command(2)),
        (header(1, 0x41, &[0; 12]), HeaderError::Family(0x41)),
        (header(1, 0x13, &[0; 12]), HeaderError::Family(0x13)),
        (header(1, 0x11, &[0; 11]), HeaderError::TooShort(11)),
        (header(1, 0x21, &[0; 35]), HeaderError::TooShort(35)),
        (header(1, 0x11, &[0; 4097]), HeaderError::TooLong(4097)),
        (header(1, 0x11, &[0; 13]), HeaderError::Extension),
        (header(1, 0x11, &[0; 14]), HeaderError::Extension),
    ] {
        assert_eq!(parse(&bytes), Err(error));
        // The rest of a header that is too long or too short is not waited for.
        if !matches!(error, HeaderError::Extension) {
            assert_eq!(parse(&bytes[..FIXED_BYTES]), Err(error));
        }
    }
    let mut other = header(1, 0x11, &[0; 12]);
    other[12] = 0x31;
    assert_eq!(parse(&other), Err(HeaderError::Version(3)));
}

#[test]
fn a_checksum_must_be_right_if_there_is_one() {
    let client = "203.0.113.7:40000".parse().unwrap();
    let mut bytes = of_client(client, &[TYPE_CRC32C, 0, 4, 0, 0, 0, 0]);
    let at = bytes.len() - 4;
    let sum = crc32c(&bytes, at).to_be_bytes();
    bytes[at..].copy_from_slice(&sum);
    assert_eq!(complete(&bytes), Ok(Header::Client(client)));
    bytes[17] ^= 1;
    assert_eq!(parse(&bytes), Err(HeaderError::Checksum));
    let short = of_client(client, &[TYPE_CRC32C, 0, 3, 0, 0, 0]);
    assert_eq!(parse(&short), Err(HeaderError::Checksum));
}

#[test]
fn the_checksum_is_that_of_rfc_3720() {
    // Appendix B.4: 32 bytes of zeros, of ones, and ascending.
    let ascending: Vec<u8> = (0..32).collect();
    assert_eq!(crc32c(&[0; 32], 32), 0x8a91_36aa);
    assert_eq!(crc32c(&[0xff; 32], 32), 0x62a8_ab43);
    assert_eq!(crc32c(&ascending, 32), 0x46dd_794e);
}

#[test]
fn a_checksum_is_of_what_comes_before_and_after_it() {
    let client = "203.0.113.7:40000".parse().unwrap();
    let mut extensions = vec![TYPE_CRC32C, 0, 4, 0xbf, 0xba, 0x79, 0xc6, 4, 0, 12];
    extensions.extend(b"twelve bytes");
    let bytes = of_client(client, &extensions);
    assert_eq!(complete(&bytes), Ok(Header::Client(client)));
    // A byte of the address, one of the checksum, and the last one.
    for at in [FIXED_BYTES, FIXED_BYTES + 15, bytes.len() - 1] {
        let mut other = bytes.clone();
        other[at] ^= 1;
        assert_eq!(parse(&other), Err(HeaderError::Checksum), "{at}");
    }
}

#[test]
fn a_header_of_the_greatest_length_is_read() {
    let longest = header(0, 0, &[0; REST_MAX_BYTES]);
    assert_eq!(complete(&longest), Ok(Header::Local));
}

proptest! {
    #[test]
    fn a_header_is_read_whole_or_waited_for(
        v6: bool,
        ip: [u8; 16],
        port: u16,
        extensions in proptest::collection::vec((4..u8::MAX, 0..64_usize), 0..4),
        after in proptest::collection::vec(any::<u8>(), 0..8),
    ) {
        let ip = match v6 {
            true => IpAddr::from(ip),
            false => IpAddr::from([ip[0], ip[1], ip[2], ip[3]]),
        };
        let client = SocketAddr::new(ip, port);
        let mut written = Vec::new();
        for (kind, len) in extensions {
            written.push(kind);
            written.extend((len as u16).to_be_bytes());
            written.extend(vec![kind; len]);
        }
        let whole = of_client(client, &written);
        for len in 0..whole.len() {
            match parse(&whole[..len]) {
                Ok(Parsed::Incomplete(needed)) => {
                    prop_assert!(len < needed && needed <= whole.len());
                }
                other => prop_assert!(false, "{len}: {other:?}"),
            }
        }
        let canonical = SocketAddr::new(ip.to_canonical(), port);
        let expected = Ok(Parsed::Complete(Header::Client(canonical), whole.len()));
        // What comes after the header is not looked at.
        prop_assert_eq!(parse(&[whole, after].concat()), expected);
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(
        begin in 0..=FIXED_BYTES,
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let start = header(1, 0x21, &[0; 300]);
        let bytes = [&start[..begin], &bytes].concat();
        if let Ok(Parsed::Complete(_, len)) = parse(&bytes) {
            prop_assert!(FIXED_BYTES <= len && len <= bytes.len());
        }
    }
}
