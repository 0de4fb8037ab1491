//! Signed tokens. The keys come from openssl, as an operator's do.

use std::{fs, path::Path, process::Command};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use tempfile::TempDir;
use tickcast_core::identity::{Denied, Review};

use crate::{auth::state::State, clock::wall_ns};

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

/// The keys of a test, and the server's state that trusts them.
struct Keys {
    folder: TempDir,
    state: State,
}

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output();
    let output = output.expect("openssl is installed");
    assert!(output.status.success(), "{output:?}");
}

fn make_key(folder: &Path, name: &str, kind: &[&str]) {
    let path = |end: &str| folder.join(format!("{name}{end}")).display().to_string();
    let (private, public) = (path(".key"), path(".pem"));
    openssl(&[&["genpkey", "-out", &private], kind].concat());
    openssl(&["pkey", "-in", &private, "-pubout", "-out", &public]);
}

impl Keys {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rsa = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
        let ec = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
        for (name, kind) in [
            ("RS256", &rsa[..]),
            ("ES256", &ec),
            ("EdDSA", &["-algorithm", "ED25519"]),
            ("stranger", &["-algorithm", "ED25519"]),
        ] {
            make_key(folder.path(), name, kind);
        }
        fs::write(
            folder.path().join("HS256.pem"),
            BASE64_STANDARD.encode(SECRET),
        )
        .unwrap();
        let keys = ["HS256", "RS256", "ES256", "EdDSA"].map(|name| {
            format!(
                "[[jwt.keys]]\nkid = \"k-{name}\"\nalgorithm = \"{name}\"\nfile = \"{name}.pem\"\n"
            )
        });
        let text = format!(
            "[roles.reader]\nsubscribe = [\"eu/#\"]\n[jwt]\naudience = \"tickcast\"\n\
             issuer = \"https://login.example\"\n{}",
            keys.concat()
        );
        let path = folder.path().join("identities.toml");
        fs::write(&path, text).unwrap();
        let state = State::load(&path).unwrap();
        Self { folder, state }
    }

    /// The state of the file with other text in place of some.
    fn state_with(&self, old: &str, new: &str) -> State {
        let path = self.folder.path().join("identities.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{text}");
        State::parse(&text.replace(old, new), &path).unwrap()
    }

    fn sign(&self, algorithm: &str, signed: &[u8]) -> Vec<u8> {
        let der = |name: &str| {
            let pem = fs::read(self.folder.path().join(format!("{name}.key"))).unwrap();
            PrivateKeyDer::from_pem_slice(&pem).unwrap()
        };
        let random = SystemRandom::new();
        match algorithm {
            "HS256" => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
                hmac::sign(&key, signed).as_ref().to_vec()
            }
            "RS256" => {
                let key = RsaKeyPair::from_pkcs8(der("RS256").secret_der()).unwrap();
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, signed, &mut signature)
                    .unwrap();
                signature
            }
            "ES256" => {
                let der = der("ES256");
                let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let key = EcdsaKeyPair::from_pkcs8(curve, der.secret_der(), &random).unwrap();
                key.sign(&random, signed).unwrap().as_ref().to_vec()
            }
            name => {
                let der = der(name);
                let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_der()).unwrap();
                key.sign(signed).as_ref().to_vec()
            }
        }
    }

    /// A token whose header and claims are these, signed by a key.
    fn token(&self, header: &Value, claims: &Value, by: &str) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.sign(by, signed.as_bytes());
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// Why a token is refused. The reason never repeats any part of it.
    #[track_caller]
    fn refused(&self, token: &str, expected: &str) {
        let reason = self.state.claims(token).unwrap_err();
        assert!(reason.contains(expected), "{reason:?} has no {expected:?}");
        for part in token.split('.').filter(|part| part.len() > 8) {
            assert!(!reason.contains(part), "{reason}");
        }
    }
}

fn now_s() -> i64 {
    wall_ns() / 1_000_000_000
}

fn header(algorithm: &str) -> Value {
    json!({"alg": algorithm, "typ": "JWT", "kid": format!("k-{algorithm}")})
}

fn claims() -> Value {
    json!({
        "sub": "alice", "role": "reader", "aud": "tickcast", "iss": "https://login.example",
        "exp": now_s() + 60, "jti": "t-1", "subscribe": ["eu/de/#", "us/#"],
    })
}

fn with(mut value: Value, name: &str, new: Value) -> Value {
    match new {
        Value::Null => drop(value.as_object_mut().unwrap().remove(name)),
        new => value[name] = new,
    }
    value
}

#[test]
fn a_token_of_each_algorithm_is_genuine_and_narrows_its_role() {
    let keys = Keys::new();
    for algorithm in ["HS256", "RS256", "ES256", "EdDSA"] {
        let token = keys.token(&header(algorithm), &claims(), algorithm);
        let claims = keys.state.claims(&token).unwrap();
        assert_eq!(
            (&*claims.subject, claims.token_id.as_deref()),
            ("alice", Some("t-1"))
        );
        let identity = keys.state.authority.admit(claims, wall_ns()).unwrap();
        let allowed: Vec<_> = identity
            .rights
            .subscribe
            .iter()
            .map(|f| f.as_str())
            .collect();
        assert_eq!(allowed, ["eu/de/#"], "{algorithm}");
    }
}

#[test]
fn a_token_that_another_key_has_signed_or_that_was_changed_is_refused() {
    let keys = Keys::new();
    let wrong = "the token's signature is wrong";
    keys.refused(&keys.token(&header("EdDSA"), &claims(), "stranger"), wrong);
    let token = keys.token(&header("EdDSA"), &claims(), "EdDSA");
    let (front, signature) = token.rsplit_once('.').unwrap();
    let (head, _) = front.split_once('.').unwrap();
    let more = with(claims(), "role", json!("admin"));
    let more = BASE64_URL_SAFE_NO_PAD.encode(more.to_string());
    keys.refused(&format!("{head}.{more}.{signature}"), wrong);
}

#[test]
fn the_algorithm_none_is_refused() {
    let keys = Keys::new();
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    for name in ["none", "None", "NONE"] {
        let header = with(header("EdDSA"), "alg", json!(name));
        let token = format!("{}.{}.", part(&header), part(&claims()));
        keys.refused(&token, "header");
    }
    // The right algorithm and no signature.
    let token = format!("{}.{}.", part(&header("EdDSA")), part(&claims()));
    keys.refused(&token, "the token's signature is wrong");
}

/// A public key is no secret. If the token could choose the algorithm, any client could sign with
/// the public key as the secret of HS256.
#[test]
fn a_public_key_is_never_the_secret_of_hs256() {
    let keys = Keys::new();
    let pem = fs::read(keys.folder.path().join("RS256.pem")).unwrap();
    let lines = String::from_utf8(pem.clone()).unwrap();
    let body: String = lines
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let der = BASE64_STANDARD.decode(body).unwrap();
    for secret in [pem, der] {
        let header = json!({"alg": "HS256", "kid": "k-RS256"});
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let signature = hmac::sign(&key, signed.as_bytes());
        let token = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
        keys.refused(&token, "the token's algorithm is not that of its key");
    }
}

#[test]
fn a_key_that_is_unknown_missing_or_brought_along_is_refused() {
    let keys = Keys::new();
    let token = |header: Value| keys.token(&header, &claims(), "stranger");
    let unknown = with(header("EdDSA"), "kid", json!("other"));
    keys.refused(&token(unknown), "`kid` is of no key");
    keys.refused(
        &token(with(header("EdDSA"), "kid", Value::Null)),
        "no `kid`",
    );
    let own = json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"});
    let brought = with(header("EdDSA"), "jwk", own);
    keys.refused(&token(brought), "the token");
    // A signed token has points.
    keys.refused("tct_unknown", "the token is unknown");
    let critical = with(header("EdDSA"), "crit", json!(["exp"]));
    let token = keys.token(&critical, &claims(), "EdDSA");
    keys.refused(&token, "`crit`");
}

#[test]
fn a_token_that_has_expired_is_too_early_or_for_others_is_refused() {
    let keys = Keys::new();
    for (name, value, expected) in [
        ("exp", json!(now_s() - 1), "has expired"),
        (
            "exp",
            Value::Null,
            "`exp` is missing: it must be a number of seconds since 1970",
        ),
        (
            "exp",
            json!("tomorrow"),
            "`exp` must be a number of seconds",
        ),
        (
            "exp",
            json!(-5),
            "`exp` is missing, or no number of seconds",
        ),
        (
            "exp",
            json!(1e300),
            "`exp` is missing, or no number of seconds",
        ),
        ("nbf", json!(now_s() + 60), "not valid yet"),
        ("aud", json!("other"), "another audience"),
        ("aud", Value::Null, "`aud` is missing"),
        ("iss", json!("https://other.example"), "another issuer"),
        ("iss", Value::Null, "`iss` is missing"),
        ("sub", Value::Null, "`sub` is missing: it must be a text"),
        ("role", Value::Null, "`role` is missing: it must be a text"),
        ("role", json!(["reader"]), "`role` must be a text"),
        (
            "subscribe",
            json!(["a+"]),
            "`subscribe` must be a list of filters",
        ),
        (
            "publish",
            json!("a/#"),
            "`publish` must be a list of filters",
        ),
        ("max_rate_hz", json!("1"), "`max_rate_hz` must be a number"),
        (
            "max_rate_hz",
            json!(0),
            "`max_rate_hz` must be at least 0.01",
        ),
        (
            "max_rate_hz",
            json!(-1),
            "`max_rate_hz` must be at least 0.01",
        ),
        (
            "max_rate_hz",
            json!(0.001),
            "`max_rate_hz` must be at least 0.01",
        ),
    ] {
        let claims = with(claims(), name, value.clone());
        let token = keys.token(&header("EdDSA"), &claims, "EdDSA");
        keys.refused(&token, expected);
    }
}

#[test]
fn a_token_bounds_the_rate_and_ends_when_its_leeway_is_over() {
    let keys = Keys::new();
    let state = keys.state_with("[jwt]\n", "[jwt]\nleeway_s = 30\n");
    let end_s = now_s() - 1;
    let claims = with(claims(), "max_rate_hz", json!(2.5));
    let claims = with(claims, "exp", json!(end_s));
    let token = keys.token(&header("EdDSA"), &claims, "EdDSA");
    keys.refused(&token, "has expired");
    let claims = state.claims(&token).unwrap();
    assert_eq!(claims.narrowing.limits.max_rate_hz, Some(2.5));
    assert_eq!(claims.expires_ns, Some((end_s + 30) * 1_000_000_000));
}

#[test]
fn an_identity_ends_with_the_key_of_its_token() {
    let keys = Keys::new();
    let token = keys.token(&header("EdDSA"), &claims(), "EdDSA");
    let now = wall_ns();
    let claims = keys.state.claims(&token).unwrap();
    let identity = keys.state.authority.admit(claims, now).unwrap();
    assert_eq!(keys.state.review(&identity, now), Review::Keep);
    let others = keys.state_with("k-EdDSA", "k-new");
    assert_eq!(others.review(&identity, now), Review::End(Denied::Revoked));
}

#[test]
fn the_example_of_the_document_is_a_right_file() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/security.md");
    let document = fs::read_to_string(document).unwrap();
    let (_, example) = document.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ec = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    make_key(folder.path(), "es256", &ec);
    let secret = BASE64_URL_SAFE_NO_PAD.encode(SECRET);
    let key = json!({"kty": "oct", "kid": "a", "alg": "HS256", "k": secret});
    let keys = json!({"keys": [key]}).to_string();
    fs::write(folder.path().join("keys.json"), keys).unwrap();
    let path = folder.path().join("identities.toml");
    fs::write(&path, example).unwrap();
    State::load(&path).unwrap();
}

#[test]
fn a_set_of_keys_pins_the_algorithm_of_each() {
    let folder = tempfile::tempdir().unwrap();
    let write = |keys: Value| {
        fs::write(
            folder.path().join("keys.json"),
            json!({"keys": keys}).to_string(),
        )
        .unwrap();
        let path = folder.path().join("identities.toml");
        let text = "[roles.reader]\n[jwt]\naudience = \"tickcast\"\njwks = \"keys.json\"\n";
        fs::write(&path, text).unwrap();
        State::load(&path).map(|_| ())
    };
    let secret = |len: usize| BASE64_URL_SAFE_NO_PAD.encode(vec![7; len]);
    let key = |alg: Value, len| json!({"kty": "oct", "kid": "a", "alg": alg, "k": secret(len)});
    assert_eq!(write(json!([key(json!("HS256"), 32)])), Ok(()));
    for (keys, expected) in [
        (json!([key(json!("HS256"), 31)]), "31 bytes (at least 32)"),
        (json!([key(json!("RS256"), 32)]), "the key is not for RS256"),
        (json!([key(json!("HS512"), 64)]), "`alg` must be"),
        (json!([key(Value::Null, 32)]), "`alg` is missing"),
        (json!([]), "there are 0 keys"),
        (
            json!([key(json!("HS256"), 32), key(json!("HS256"), 33)]),
            "twice",
        ),
    ] {
        let problems = write(keys).unwrap_err().join("\n");
        assert!(
            problems.contains(expected),
            "{problems:?} has no {expected:?}"
        );
    }
}
