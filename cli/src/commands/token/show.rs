//! `tickcast token show`: prints what a token says.

use std::{
    env,
    io::{IsTerminal, Read, stdin},
    path::PathBuf,
};

use clap::Args;
use jiff::Timestamp;
use jsonwebtoken::dangerous::insecure_decode;
use serde_json::{Map, Value};
use tickcast_protocol::{
    message::BearerToken,
    token_file::{TOKEN_MAX_BYTES, check_token, read_token},
};

use crate::{connection::TOKEN_VARIABLE, exit::Failure, words::shown};

/// Bytes of standard input that are read: a token, and the white space around it.
const INPUT_MAX_BYTES: u64 = TOKEN_MAX_BYTES as u64 + 64;

/// Print what a token says, without checking it
///
/// Its signature may be wrong. The token is read from a file, from the variable TICKCAST_TOKEN, or
/// from standard input.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// File with the token
    #[arg(long, value_name = "FILE", env = "TICKCAST_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

impl ShowArgs {
    pub(super) fn run(&self) -> Result<String, Failure> {
        let token = self.token()?;
        let decoded = insecure_decode::<Map<String, Value>>(token.secret());
        // The library's error may repeat a part of the token.
        let decoded = decoded.map_err(|_| {
            Failure::Failed(
                "it is no signed token (JWT): one that the identities file lists says nothing by \
                 itself"
                    .to_owned(),
            )
        })?;
        let header = decoded.header;
        let mut text = format!("{:<12} {:?}\n", "algorithm", header.alg);
        if let Some(kid) = &header.kid {
            text.push_str(&format!("{:<12} {}\n", "key", shown(kid)));
        }
        for (name, value) in &decoded.claims {
            let name = shown(name);
            text.push_str(&format!("{name:<12} {}\n", claim(&name, value)));
        }
        text.push_str("The signature was not checked.\n");
        Ok(text)
    }

    fn token(&self) -> Result<BearerToken, Failure> {
        if let Some(path) = &self.token_file {
            return read_token(path).map_err(Failure::Failed);
        }
        let checked = |text: &str, name: &str| {
            check_token(text).map_err(|what| Failure::Failed(format!("{name} {what}")))
        };
        if let Some(text) = env::var(TOKEN_VARIABLE)
            .ok()
            .filter(|text| !text.is_empty())
        {
            return checked(&text, TOKEN_VARIABLE);
        }
        let input = stdin();
        if input.is_terminal() {
            return Err(Failure::Usage(format!(
                "there is no token: name its file with --token-file, set {TOKEN_VARIABLE}, or pipe \
                 it in"
            )));
        }
        let mut text = String::new();
        let read = input.take(INPUT_MAX_BYTES).read_to_string(&mut text);
        read.map_err(|error| Failure::Failed(format!("cannot read standard input: {error}")))?;
        checked(&text, "standard input")
    }
}

/// A claim for people: times can be read, and texts have no quotes.
fn claim(name: &str, value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let time = match (name, value.as_f64()) {
        ("exp" | "nbf" | "iat", Some(seconds)) => Timestamp::from_second(seconds as i64).ok(),
        _ => None,
    };
    let Some(time) = time else {
        return shown(&text).into_owned();
    };
    let now = Timestamp::now();
    let note = match name {
        "exp" if time <= now => " (expired)",
        "nbf" if time > now => " (not yet)",
        _ => "",
    };
    format!("{time}{note}")
}
