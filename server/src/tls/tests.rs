//! Handshakes with a server in the test, and files that cannot be used.

use std::{fs, io, path::PathBuf, sync::Arc};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use tickcast_server_testkit::certificates::{Authority, Certificate, Validity};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsAcceptor;

use super::{ClientTls, TlsClient};

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

fn acceptor(
    certificate: &Certificate,
    clients: Option<&Authority>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> TlsAcceptor {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut store = RootCertStore::empty();
            let pem = authority.pem();
            store
                .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
                .unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(store.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = CertificateDer::pem_slice_iter(certificate.cert.as_bytes());
    let chain: Result<Vec<_>, _> = chain.collect();
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(chain.unwrap(), key).unwrap();
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Connects and reads a byte. Returns the sentence of a failure.
async fn connect(client: &TlsClient, acceptor: TlsAcceptor) -> Result<(), String> {
    let (near, far) = duplex(64 * 1024);
    let server = tokio::spawn(async move {
        if let Ok(mut stream) = acceptor.accept(far).await {
            let _ = stream.write_all(b"x").await;
            let _ = stream.shutdown().await;
        }
    });
    let result = async {
        let mut stream = client.connect(near).await?;
        let read = stream.read_u8().await;
        read.map_err(|error| client.explain(&error).unwrap_or_else(|| error.to_string()))?;
        Ok(())
    };
    let result = result.await;
    server.await.unwrap();
    result
}

/// Connects to a server that is no TLS server.
async fn connect_to(settings: &ClientTls, serve: impl AsyncFnOnce(DuplexStream)) -> String {
    let client = TlsClient::new(settings, "localhost").unwrap();
    let (near, far) = duplex(64 * 1024);
    let (result, ()) = tokio::join!(client.connect(near), serve(far));
    result.map(|_| ()).unwrap_err()
}

#[track_caller]
fn check(result: Result<(), String>, parts: &[&str]) {
    let error = result.unwrap_err();
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}

#[tokio::test]
async fn a_server_with_the_right_certificate_is_accepted() {
    let files = Files::new();
    let authority = Authority::new("ours");
    let ca = Some(files.write("ca.pem", authority.pem()));
    let settings = ClientTls {
        ca,
        ..ClientTls::default()
    };
    for (host, names) in [
        ("localhost", ["localhost"]),
        ("127.0.0.1", ["127.0.0.1"]),
        ("[::1]", ["::1"]),
        ("a.plant.example", ["*.plant.example"]),
    ] {
        let certificate = authority.issue(&names, Validity::Now);
        let client = TlsClient::new(&settings, host).unwrap();
        for versions in [[&TLS12], [&TLS13]] {
            let acceptor = acceptor(&certificate, None, &versions);
            assert_eq!(connect(&client, acceptor).await, Ok(()), "{host}");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_accepted_says_why_and_what_to_do() {
    let files = Files::new();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let settings = ClientTls {
        ca: Some(files.write("ca.pem", ours.pem())),
        ..ClientTls::default()
    };
    let client = TlsClient::new(&settings, "localhost").unwrap();
    let fails = async |certificate: &Certificate, parts: &[&str]| {
        let acceptor = acceptor(certificate, None, &[&TLS12, &TLS13]);
        check(connect(&client, acceptor).await, parts);
    };
    let unknown = theirs.issue(&["localhost"], Validity::Now);
    let parts = [
        "of localhost is not signed by an authority in",
        "ca.pem: set tls_ca",
    ];
    fails(&unknown, &parts).await;
    let expired = ours.issue(&["localhost"], Validity::Past);
    let parts = ["of localhost expired at 2020-12-31T00:00:00Z: renew it"];
    fails(&expired, &parts).await;
    let early = ours.issue(&["localhost"], Validity::Future);
    fails(
        &early,
        &["is not valid before 2090-01-01T00:00:00Z: correct the clock"],
    )
    .await;
    let other = ours.issue(&["a.example", "10.0.0.1"], Validity::Now);
    let part = "is for a.example, 10.0.0.1, not for localhost: connect to that name, or set \
                tls_server_name";
    fails(&other, &[part]).await;
    let nameless = ours.issue(&[], Validity::Now);
    fails(&nameless, &["has no host name in subjectAltName"]).await;
    fails(&ours.itself(), &["is one of an authority (CA:TRUE)"]).await;
}

#[tokio::test]
async fn another_name_or_no_verification_are_settings() {
    let files = Files::new();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let named = ClientTls {
        ca: Some(files.write("ca.pem", ours.pem())),
        server_name: Some("a.example".into()),
        alpn: Some("mqtt".into()),
        ..ClientTls::default()
    };
    let client = TlsClient::new(&named, "10.9.8.7").unwrap();
    let certificate = ours.issue(&["a.example"], Validity::Now);
    let accepted = connect(&client, acceptor(&certificate, None, &[&TLS13])).await;
    assert_eq!(accepted, Ok(()));
    let other = ClientTls {
        alpn: Some("http/1.1".into()),
        ..named
    };
    let client = TlsClient::new(&other, "10.9.8.7").unwrap();
    let refused = connect(&client, acceptor(&certificate, None, &[&TLS13])).await;
    check(refused, &["does not offer the protocol \"http/1.1\""]);

    let insecure = ClientTls {
        insecure: true,
        ..ClientTls::default()
    };
    let client = TlsClient::new(&insecure, "localhost").unwrap();
    let certificate = theirs.issue(&["b.example"], Validity::Past);
    for versions in [[&TLS12], [&TLS13]] {
        let accepted = connect(&client, acceptor(&certificate, None, &versions)).await;
        assert_eq!(accepted, Ok(()));
    }
}

#[tokio::test]
async fn a_client_certificate_is_sent_and_its_refusal_is_explained() {
    let files = Files::new();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let server = ours.issue(&["localhost"], Validity::Now);
    let settings = |certificate: Option<Certificate>| {
        let written = certificate.map(|certificate| certificate.write(files.0.path(), "client"));
        let (cert, key) = written.unzip();
        ClientTls {
            ca: Some(files.write("ca.pem", ours.pem())),
            cert,
            key,
            ..ClientTls::default()
        }
    };
    let outcome = async |certificate: Option<Certificate>, version| {
        let client = TlsClient::new(&settings(certificate), "localhost").unwrap();
        connect(&client, acceptor(&server, Some(&ours), &[version])).await
    };
    for version in [&TLS12, &TLS13] {
        let right = ours.issue(&["me"], Validity::Now);
        assert_eq!(outcome(Some(right), version).await, Ok(()));
        check(
            outcome(None, version).await,
            &["requires a client certificate: set tls_cert"],
        );
        let wrong = theirs.issue(&["me"], Validity::Now);
        let parts = ["the server", "client certificate", "client.pem"];
        check(outcome(Some(wrong), version).await, &parts);
        let expired = ours.issue(&["me"], Validity::Past);
        let parts = ["client certificate", "client.pem has expired: renew it"];
        check(outcome(Some(expired), version).await, &parts);
    }
}

#[tokio::test]
async fn a_port_without_tls_is_named_as_the_reason() {
    let files = Files::new();
    let settings = ClientTls {
        ca: Some(files.write("ca.pem", Authority::new("ours").pem())),
        ..ClientTls::default()
    };
    let closed = connect_to(&settings, async |mut stream| {
        let _ = stream.read_u8().await;
    });
    let part = "closed the connection during the TLS handshake: this port may be one without TLS";
    assert!(closed.await.contains(part));
    let answered = connect_to(&settings, async |mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    assert!(answered.await.contains("this port is one without TLS"));
}

#[tokio::test]
async fn renewed_files_are_used_and_damaged_ones_are_not() {
    let files = Files::new();
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let settings = ClientTls {
        ca: Some(files.write("ca.pem", old.pem())),
        ..ClientTls::default()
    };
    let mut client = TlsClient::new(&settings, "localhost").unwrap();
    let certificate = new.issue(&["localhost"], Validity::Now);
    let server = || acceptor(&certificate, None, &[&TLS13]);
    check(connect(&client, server()).await, &["is not signed by"]);
    files.write("ca.pem", new.pem());
    assert_eq!(client.reload().await, Ok(()));
    assert_eq!(connect(&client, server()).await, Ok(()));
    files.write("ca.pem", "nothing");
    check(
        client.reload().await,
        &["tls_ca: ", "ca.pem has no certificate"],
    );
    assert_eq!(connect(&client, server()).await, Ok(()));
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_the_reason_and_the_remedy() {
    let files = Files::new();
    let authority = Authority::new("ours");
    let (one, two) = (
        authority.issue(&["a"], Validity::Now),
        authority.issue(&["b"], Validity::Now),
    );
    let ca = files.write("ca.pem", authority.pem());
    let cert = files.write("cert.pem", &one.cert);
    let key = files.write("key.pem", &one.key);
    let fails = |ca: &PathBuf, cert: &PathBuf, key: &PathBuf, expected: &str, parts: &[&str]| {
        let settings = ClientTls {
            ca: Some(ca.clone()),
            cert: Some(cert.clone()),
            key: Some(key.clone()),
            ..ClientTls::default()
        };
        let (wrong, reason) = TlsClient::new(&settings, "a").map(|_| ()).unwrap_err();
        assert_eq!(wrong, expected, "{reason}");
        check(Err(reason), parts);
    };
    let missing = files.0.path().join("missing.pem");
    let folder = files.0.path().to_path_buf();
    let empty = files.write("empty.pem", "");
    let text = files.write("text.pem", "no certificate");
    let der = files.write("der.pem", [0x30, 0x82, 1, 2]);
    let broken = authority.pem().replace("-----END CERTIFICATE-----", "");
    let broken = files.write("broken.pem", format!("{}{broken}", authority.pem()));
    let base64 = format!(
        "{}\n-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        one.cert
    );
    let base64 = files.write("base64.pem", base64);
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let garbage = files.write("garbage.pem", garbage);
    let long = files.write("long.pem", vec![b'x'; 5 * 1024 * 1024]);
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted = files.write("encrypted.pem", encrypted);
    let other = files.write("other.pem", &two.key);
    let unusable = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let unusable = files.write("unusable.pem", unusable);

    fails(
        &missing,
        &cert,
        &key,
        "tls_ca",
        &["cannot read", "missing.pem: No such file"],
    );
    fails(
        &folder,
        &cert,
        &key,
        "tls_ca",
        &["cannot read", "directory"],
    );
    fails(
        &empty,
        &cert,
        &key,
        "tls_ca",
        &["empty.pem has no certificate: it is empty"],
    );
    fails(
        &text,
        &cert,
        &key,
        "tls_ca",
        &["text.pem has no certificate: expected PEM"],
    );
    fails(&der, &cert, &key, "tls_ca", &["looks like DER or PKCS#12"]);
    fails(
        &key,
        &cert,
        &key,
        "tls_ca",
        &["key.pem has no certificate: it has a private key"],
    );
    let line = authority.pem().lines().count() + 1;
    let place = format!("broken.pem:{line}: certificate 2 is damaged");
    fails(
        &broken,
        &cert,
        &key,
        "tls_ca",
        &[&place, "-----END CERTIFICATE----- is missing"],
    );
    fails(
        &base64,
        &cert,
        &key,
        "tls_ca",
        &["certificate 2 is damaged: it is not base64"],
    );
    fails(
        &garbage,
        &cert,
        &key,
        "tls_ca",
        &["garbage.pem:1: certificate 1 is damaged"],
    );
    fails(&long, &cert, &key, "tls_ca", &["long.pem is longer than"]);
    fails(
        &ca,
        &missing,
        &key,
        "tls_cert",
        &["cannot read", "missing.pem"],
    );
    fails(&ca, &garbage, &key, "tls_cert", &["garbage.pem is damaged"]);
    fails(
        &ca,
        &cert,
        &missing,
        "tls_key",
        &["cannot read", "missing.pem"],
    );
    fails(
        &ca,
        &cert,
        &ca,
        "tls_key",
        &["ca.pem has no private key: it has a certificate"],
    );
    fails(
        &ca,
        &cert,
        &encrypted,
        "tls_key",
        &["is encrypted: decrypt it with openssl pkey"],
    );
    let parts = [
        "other.pem does not belong to the certificate in",
        "cert.pem",
    ];
    fails(&ca, &cert, &other, "tls_key", &parts);
    fails(
        &ca,
        &cert,
        &unusable,
        "tls_key",
        &["unusable.pem cannot be used", "RSA"],
    );
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let keyless = ClientTls {
        key: Some("key.pem".into()),
        insecure: true,
        ..ClientTls::default()
    };
    let (key, reason) = TlsClient::new(&keyless, "a").map(|_| ()).unwrap_err();
    assert_eq!(key, "tls_key");
    assert!(reason.contains("set tls_cert"), "{reason}");
    assert_eq!(keyless.key_in_use(), Some("tls_key"));
    let unnamed = ClientTls {
        server_name: Some("a b".into()),
        insecure: true,
        ..ClientTls::default()
    };
    let (key, reason) = TlsClient::new(&unnamed, "a").map(|_| ()).unwrap_err();
    assert_eq!(key, "tls_server_name");
    assert!(reason.contains("\"a b\" is neither"), "{reason}");
    let (key, _) = TlsClient::new(&ClientTls::default(), "a b")
        .map(|_| ())
        .unwrap_err();
    assert_eq!(key, "url");
    assert_eq!(ClientTls::default().key_in_use(), None);
}

#[test]
fn an_error_that_is_not_about_tls_is_not_explained() {
    let insecure = ClientTls {
        insecure: true,
        ..ClientTls::default()
    };
    let client = TlsClient::new(&insecure, "a").unwrap();
    assert_eq!(client.explain(&io::Error::other("x")), None);
}
