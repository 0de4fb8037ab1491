//! The records of a TLS client before the handshake ends.

use std::sync::{Arc, LazyLock};

use tickcast_server::testing::tls::{
    Arena, HANDSHAKE_MAX_BYTES, ServerConfig, ServerTls, TlsSession, config,
};
use tickcast_server_testkit::certificates::{Authority, Validity};

/// The content types of records (RFC 8446, section 5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

const HEADER_BYTES: usize = 5;

/// A listener that lets clients without a certificate in, and one that asks for it.
static CONFIGS: LazyLock<[Arc<ServerConfig>; 2]> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new("ours");
    let certificate = authority.issue(&["localhost"], Validity::Now);
    let (cert, key) = certificate.write(folder.path(), "server");
    let client_ca = folder.path().join("ca.pem");
    std::fs::write(&client_ca, authority.pem()).expect("a file");
    [None, Some(client_ca)].map(|client_ca| {
        let (cert, key) = (cert.clone(), key.clone());
        let settings = ServerTls {
            cert,
            key,
            client_ca,
        };
        config(&settings).expect("the files are right")
    })
});

/// The first bytes of a connection.
pub fn tls_records(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(HANDSHAKE_MAX_BYTES)];
    for config in &*CONFIGS {
        let whole = session(config, bytes, bytes.len().max(1));
        // The result is the same for any division into reads.
        for piece in [1, 3, 7] {
            assert_eq!(session(config, bytes, piece), whole);
        }
    }
}

/// Why the handshake fails, if it does.
fn session(config: &Arc<ServerConfig>, bytes: &[u8], piece: usize) -> Option<String> {
    let mut session = TlsSession::new(Arc::clone(config)).expect("the settings are right");
    let (mut out, mut sent) = (Arena::default(), Vec::new());
    let mut failed = None;
    for part in bytes.chunks(piece) {
        out.clear();
        let received = session.receive(part, &mut out);
        sent.extend(records(out.bytes()));
        // No client can finish a handshake that was written down earlier.
        assert!(session.is_handshaking());
        assert_eq!(session.take(&mut [0; 1]), None);
        assert!(session.held_bytes() <= 2 * bytes.len() + 64);
        if let Err(error) = received {
            failed = Some(error);
            break;
        }
    }
    let error = failed?;
    // It is told once, and nothing follows.
    assert!(sent.iter().filter(|kind| **kind == ALERT).count() <= 1);
    assert_eq!(session.held_bytes(), 0);
    out.clear();
    assert_eq!(session.receive(bytes, &mut out).as_ref(), Err(&error));
    assert_eq!(session.close(&mut out).as_ref(), Err(&error));
    assert_eq!(out.used(), 0);
    Some(error.to_string())
}

/// The types of whole records.
fn records(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while !bytes.is_empty() {
        assert!(bytes.len() > HEADER_BYTES && bytes[1] == 3);
        let len = usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
        let kind = bytes[0];
        assert!([CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA].contains(&kind));
        kinds.push(kind);
        bytes = &bytes[HEADER_BYTES + len..];
    }
    kinds
}
