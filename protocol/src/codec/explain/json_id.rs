//! Finds a request's id in a text that may not be JSON.

use std::borrow::Cow;

use crate::message::RequestId;

/// The first member `id` of the outermost object, if it is a request id. The text may end too early
/// or be wrong elsewhere: up to the first error this is exact, and after it a guess that gives up
/// at a character that JSON has in strings only.
pub(super) fn find(bytes: &[u8]) -> Option<RequestId> {
    let mut rest = bytes.trim_ascii_start();
    if rest.first() != Some(&b'{') {
        return None;
    }
    let mut depth = 0_usize;
    // Whether a string is a key, and the key that was read.
    let (mut is_key_next, mut key) = (false, None);
    while let Some(&byte) = rest.first() {
        let mut len = 1;
        match byte {
            b'"' => {
                len = string_len(rest)?;
                key = is_key_next.then_some(&rest[..len]);
                is_key_next = false;
            }
            b'{' | b'[' => {
                depth += 1;
                is_key_next = depth == 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return None;
                }
            }
            b':' if key.take().is_some_and(is_id) => return number(&rest[1..]),
            b',' => is_key_next = depth == 1,
            b':' | b'+' | b'-' | b'.' => {}
            _ if byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() => {}
            _ => return None,
        }
        rest = &rest[len..];
    }
    None
}

/// Bytes of a string with its quotes, if it ends.
fn string_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Whether a string with its quotes is `id`.
fn is_id(string: &[u8]) -> bool {
    string == b"\"id\""
        || string.contains(&b'\\')
            && serde_json::from_slice::<Cow<'_, str>>(string).is_ok_and(|key| key == "id")
}

/// A whole number that ends before the text does: otherwise digits may be missing.
fn number(bytes: &[u8]) -> Option<RequestId> {
    let bytes = bytes.trim_ascii_start();
    let len = bytes.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = bytes.split_at(len);
    let ends = matches!(rest.trim_ascii_start().first(), Some(b',' | b'}'));
    let is_padded = digits.len() > 1 && digits[0] == b'0';
    if !ends || is_padded {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}
