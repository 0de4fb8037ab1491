//! Files that hold one token.

use std::{fs::File, io::Read, path::Path};

use crate::message::BearerToken;

/// Longest token, in bytes. The server accepts no longer ones. A signed one with some filters has
/// about 1,000.
pub const TOKEN_MAX_BYTES: usize = 4096;

/// Bytes of a file that are read: a token, and the white space around it.
const FILE_MAX_BYTES: u64 = TOKEN_MAX_BYTES as u64 + 64;

/// Reads a file whose only line is a token. White space around it is ignored. The error is a text
/// for people, which never holds a part of the file.
pub fn read_token(path: &Path) -> Result<BearerToken, String> {
    let shown = path.display();
    let cannot = |error: std::io::Error| format!("cannot read the token file {shown}: {error}");
    let file = File::open(path).map_err(cannot)?;
    let mut text = String::new();
    file.take(FILE_MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(cannot)?;
    check_token(&text).map_err(|what| format!("the token file {shown} {what}"))
}

/// A token as a person or a file gives it: one word without control characters. The error says what
/// is wrong with it, and never holds a part of it.
pub fn check_token(text: &str) -> Result<BearerToken, &'static str> {
    let token = text.trim();
    if token.is_empty() {
        return Err("is empty: it must hold a token");
    }
    if token.len() > TOKEN_MAX_BYTES {
        return Err("is too long for a token (limit 4096 bytes)");
    }
    // RFC 6750, section 2.1, allows even less.
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("must hold one token on one line, in ASCII and without spaces");
    }
    Ok(BearerToken::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_word_and_an_error_never_repeats_it() {
        assert_eq!(check_token(" tct_abc\n"), Ok(BearerToken::new("tct_abc")));
        for bad in [
            "",
            " \n",
            "tct_a tct_b",
            "tct_a\ntct_b",
            "tct_ä",
            &"t".repeat(4097),
        ] {
            let error = check_token(bad).unwrap_err();
            assert!(!error.contains("tct_"), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let error = read_token(Path::new("/nowhere/token")).unwrap_err();
        assert!(error.starts_with("cannot read the token file /nowhere/token: "));
    }
}
