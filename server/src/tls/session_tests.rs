//! A session with a client in the test, whose bytes are cut anywhere.

use std::{io::Read, io::Write, sync::Arc};

use proptest::prelude::*;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tickcast_server_testkit::certificates::{Authority, Validity};

use super::{Arena, ServerTls, TlsSession, load};

/// Both ends, with what is on the way to the server.
struct Pair {
    client: ClientConnection,
    server: TlsSession,
    upward: Vec<u8>,
    read: Vec<u8>,
}

impl Pair {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("ours");
        let certificate = authority.issue(&["localhost"], Validity::Now);
        let (cert, key) = certificate.write(folder.path(), "server");
        let client_ca = None;
        let config = load(&ServerTls {
            cert,
            key,
            client_ca,
        });
        let mut roots = RootCertStore::empty();
        let pem = authority.pem();
        roots
            .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
            .unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        Self {
            client: ClientConnection::new(Arc::new(client), name).unwrap(),
            server: TlsSession::new(config.unwrap().config).unwrap(),
            upward: Vec::new(),
            read: Vec::new(),
        }
    }

    /// Moves bytes to the server, and all that it answers to the client.
    fn carry(&mut self, bytes: usize) {
        while self.client.wants_write() {
            self.client.write_tls(&mut self.upward).unwrap();
        }
        let some: Vec<_> = self.upward.drain(..bytes.min(self.upward.len())).collect();
        let mut out = Arena::default();
        self.server.receive(&some, &mut out).unwrap();
        self.deliver(&out);
        let mut room = [0; 100];
        while let Some(len @ 1..) = self.server.take(&mut room) {
            self.read.extend_from_slice(&room[..len]);
        }
    }

    fn deliver(&mut self, out: &Arena) {
        let mut bytes = out.bytes();
        while !bytes.is_empty() {
            self.client.read_tls(&mut bytes).unwrap();
            self.client.process_new_packets().unwrap();
        }
    }

    fn carry_all(&mut self) {
        for _ in 0..100 {
            self.carry(usize::MAX);
        }
    }
}

#[test]
fn a_session_that_is_garbage_from_the_start_is_an_error_with_an_alert() {
    let mut pair = Pair::new();
    let mut out = Arena::default();
    let record = [&[0x16, 3, 1, 0, 8, 1, 0, 0, 4][..], &[9; 4]].concat();
    assert!(pair.server.receive(&record, &mut out).is_err());
    assert_eq!(out.bytes().first(), Some(&0x15));
}

#[test]
fn a_session_that_has_failed_stays_so_and_says_it_once() {
    let mut pair = Pair::new();
    pair.carry_all();
    let mut out = Arena::default();
    let record = [&[0x17, 3, 3, 0, 32][..], &[5; 32]].concat();
    let error = pair.server.receive(&record, &mut out).unwrap_err();
    assert_eq!(error, rustls::Error::DecryptError);
    let mut bytes = out.bytes();
    pair.client.read_tls(&mut bytes).unwrap();
    let told = pair.client.process_new_packets().unwrap_err();
    let alert = rustls::AlertDescription::BadRecordMac;
    assert_eq!(told, rustls::Error::AlertReceived(alert));
    out.clear();
    for again in [
        pair.server.receive(&record, &mut out),
        pair.server.seal(b"text", &mut out),
        pair.server.close(&mut out),
    ] {
        assert_eq!(again, Err(rustls::Error::DecryptError));
    }
    assert_eq!((out.used(), pair.server.held_bytes()), (0, 0));
    assert_eq!(pair.server.take(&mut [0; 1]), None);
}

#[test]
fn both_ends_know_that_the_other_has_ended_the_session() {
    let mut pair = Pair::new();
    pair.carry_all();
    assert!(!pair.server.is_handshaking());
    assert_eq!(pair.server.take(&mut [0; 1]), None);
    let mut out = Arena::default();
    pair.server.close(&mut out).unwrap();
    pair.deliver(&out);
    assert_eq!(pair.client.reader().read(&mut [0; 1]).unwrap(), 0);
    pair.client.send_close_notify();
    pair.carry_all();
    assert_eq!(pair.server.take(&mut [0; 1]), Some(0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    #[test]
    fn all_bytes_arrive_wherever_records_are_cut_and_keys_change(
        steps in proptest::collection::vec((0..6_u8, 1..2_000_usize), 1..60),
    ) {
        let mut pair = Pair::new();
        // The handshake is cut as well.
        for (_, bytes) in &steps {
            pair.carry(*bytes);
        }
        pair.carry_all();
        prop_assert!(!pair.server.is_handshaking());
        let (mut sent, mut got, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        let mut out = Arena::default();
        for (step, len) in steps {
            match step {
                0 | 1 => {
                    let text: Vec<_> = (0..len).map(|at| at as u8).collect();
                    pair.client.writer().write_all(&text).unwrap();
                    sent.extend(text);
                }
                2 | 3 => {
                    let text = vec![step; len];
                    out.clear();
                    pair.server.seal(&text, &mut out).unwrap();
                    pair.deliver(&out);
                    expected.extend(text);
                }
                4 => pair.client.refresh_traffic_keys().unwrap(),
                _ => {}
            }
            pair.carry(len);
            let mut room = vec![0; 100_000];
            if let Ok(len) = pair.client.reader().read(&mut room) {
                got.extend_from_slice(&room[..len]);
            }
        }
        pair.carry_all();
        prop_assert_eq!(&pair.read, &sent);
        prop_assert_eq!(got, expected);
        // Nothing is left that would be held for a silent client.
        prop_assert_eq!(pair.server.held_bytes(), 0);
    }

    #[test]
    fn any_bytes_before_the_handshake_are_taken_or_refused(
        start in 0..3_u8,
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        cut in 1..64_usize,
    ) {
        let mut pair = Pair::new();
        let mut out = Arena::default();
        let head: &[u8] = match start {
            0 => &[],
            1 => &[0x16, 3, 1, 1, 0],
            _ => &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3],
        };
        let bytes = [head, &bytes].concat();
        for part in bytes.chunks(cut) {
            if pair.server.receive(part, &mut out).is_err() {
                break;
            }
        }
        prop_assert!(pair.server.is_handshaking());
        prop_assert!(pair.server.held_bytes() <= 2 * bytes.len() + 64);
    }
}
