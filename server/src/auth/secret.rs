//! Random tokens and their hashes.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};

/// Begins each token, so that scanners for leaked secrets find it.
const PREFIX: &str = "tct_";

/// Random bytes of a token: none can be guessed, so a hash without salt and stretching is enough.
const RANDOM_BYTES: usize = 32;

/// The SHA-256 hash of a token.
pub(super) type Hash = [u8; 32];

/// The hash of a token.
pub(super) fn hash(token: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

/// A hash from its 64 hexadecimal digits.
pub(super) fn parse_hash(text: &str) -> Option<Hash> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    if digits.len() != 64 || text.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (pair[0] << 4 | pair[1]) as u8;
    }
    Some(hash)
}

/// What `--make-token` prints: a new token, and its table for the identities file.
pub(crate) fn make_token(subject: &str, role: &str) -> String {
    let random: [u8; RANDOM_BYTES] = rand::random();
    let token = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random));
    let hash = hash(&token);
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let id = &digits[..12];
    let (subject, role) = (toml_text(subject), toml_text(role));
    format!(
        "{token}\n\n# Give the line above to its bearer, and add this to the identities file:\n\
         [[tokens]]\nid = \"{id}\"\nsubject = {subject}\nrole = {role}\nsha256 = \"{digits}\"\n"
    )
}

fn toml_text(text: &str) -> String {
    toml::Value::from(text).to_string()
}
