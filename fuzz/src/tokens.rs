//! Tokens, the identities file, and the file of revocations.

use std::{borrow::Cow, collections::HashMap, fs, sync::OnceLock};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    hmac,
};
use serde_json::{Value, value::RawValue};
use tickcast_server::testing::{
    Clock,
    identities::{State, TOKEN_MAX_BYTES, read_revocations},
};

use super::file::with_file;

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
const LISTED: &str = "tct_listed";
const AUDIENCE: &str = "tickcast";
const ISSUER: &str = "https://login.example";

/// The longest reason for a refusal: it names one value of a token or a file.
const REASON_MAX_BYTES: usize = 20_000;

/// A first line that says what the rest is: `file`, `revoked`, or `signed` for the header and the
/// claims of a token that is signed as they are. Everything else is a token.
pub fn tokens(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match text.split_once('\n') {
        Some(("file", content)) => file(content),
        Some(("revoked", content)) => revoked(content),
        Some(("signed", parts)) => {
            let (header, claims) = parts.split_once('\n').unwrap_or((parts, ""));
            signed(header, claims);
        }
        _ => token(&text),
    }
}

/// What a server trusts: one token of its file, and one key.
fn state() -> &'static State {
    static STATE: OnceLock<State> = OnceLock::new();
    STATE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let key = serde_json::json!({
            "kty": "oct", "kid": "k", "alg": "HS256", "k": BASE64_URL_SAFE_NO_PAD.encode(SECRET),
        });
        let keys = serde_json::json!({ "keys": [key] }).to_string();
        fs::write(folder.path().join("keys.json"), keys).expect("the disk has room");
        let digits = digest(&SHA256, LISTED.as_bytes());
        let digits = digits.as_ref().iter().map(|byte| format!("{byte:02x}"));
        let text = format!(
            "[roles.reader]\nsubscribe = [\"#\"]\n[[tokens]]\nid = \"a\"\nsubject = \"alice\"\n\
             role = \"reader\"\nsha256 = \"{}\"\n[jwt]\naudience = \"{AUDIENCE}\"\n\
             issuer = \"{ISSUER}\"\njwks = \"keys.json\"\n",
            digits.collect::<String>(),
        );
        State::parse(&text, &folder.path().join("identities.toml")).expect("the file is right")
    })
}

/// Any token: it is listed, or the key has signed it. What is refused is not repeated.
fn token(text: &str) {
    match state().claims(text) {
        Ok(claims) => {
            assert!(text.len() <= TOKEN_MAX_BYTES);
            assert!(text == LISTED || has_signature(text), "{text}");
            assert!(text != LISTED || &*claims.subject == "alice");
        }
        Err(reason) => {
            assert!(text != LISTED);
            check_reason(&reason);
            let parts = text.split('.').filter(|part| part.len() > 16);
            for part in parts {
                assert!(!reason.contains(part), "{reason}");
            }
        }
    }
}

fn has_signature(token: &str) -> bool {
    let Some((signed, signature)) = token.rsplit_once('.') else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature);
    signature.is_ok_and(|signature| hmac::verify(&key, signed.as_bytes(), &signature).is_ok())
}

/// A token whose signature is right, whatever it says.
fn signed(header: &str, claims: &str) {
    let [head, body] = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let text = format!("{head}.{body}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signature = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()));
    let text = format!("{text}.{signature}");
    let now_ns = Clock::start().now().wall_ns;
    let accepted = match state().claims(&text) {
        Ok(accepted) => accepted,
        Err(reason) => return check_reason(&reason),
    };
    let (header, claims) = (members(header), members(claims));
    assert_eq!(
        (&header["alg"], &header["kid"]),
        (&"HS256".into(), &"k".into())
    );
    assert!(header["crit"].is_null());
    assert!(has(&claims["aud"], AUDIENCE) && has(&claims["iss"], ISSUER));
    assert_eq!(claims["sub"], *accepted.subject);
    assert_eq!(claims["role"], *accepted.role);
    let second = 1_000_000_000;
    let ends = accepted.expires_ns.expect("a signed token expires");
    assert!(ends >= now_ns - second, "{ends}");
    let begins = claims["nbf"].as_f64().unwrap_or(0.0);
    assert!(begins <= (now_ns / second + 1) as f64, "{begins}");
}

/// The members of an object that say something here. The others are passed over unread.
fn members(text: &str) -> Value {
    let all: HashMap<String, Box<RawValue>> =
        serde_json::from_str(text).expect("what is accepted is an object of JSON");
    let wanted = ["alg", "kid", "crit", "aud", "iss", "sub", "role", "nbf"].into_iter();
    let values = wanted.filter_map(|name| {
        let value = serde_json::from_str(all.get(name)?.get());
        Some((name.to_owned(), value.expect("it was read")))
    });
    Value::Object(values.collect())
}

/// Whether a claim is this text, or a list that has it.
fn has(claim: &Value, text: &str) -> bool {
    claim == text
        || claim
            .as_array()
            .is_some_and(|list| list.iter().any(|one| one == text))
}

fn file(content: &str) {
    // A device that never ends a read, or waits for a terminal, finds nothing.
    let content: Cow<'_, str> = content.replace("/dev/", "/").into();
    let path = std::path::Path::new("/nowhere/identities.toml");
    match State::parse(&content, path) {
        Ok(state) => {
            if let Err(reason) = state.claims("tct_unknown") {
                check_reason(&reason);
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|problem| !problem.is_empty()));
        }
    }
}

/// What is read is written and read again.
fn revoked(content: &str) {
    let read = |content: &str| with_file(content.as_bytes(), read_revocations);
    match read(content) {
        Ok((lines, text)) => {
            assert!(lines <= content.lines().count());
            assert_eq!(read(&text), Ok((lines, text.clone())));
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
}

fn check_reason(reason: &str) {
    assert!((1..REASON_MAX_BYTES).contains(&reason.len()), "{reason}");
}
