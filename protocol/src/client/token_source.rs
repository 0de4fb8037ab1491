//! Where a client takes its tokens from.

use std::{fmt, path::PathBuf, sync::Arc};

use crate::{message::BearerToken, token_file::read_token};

/// A function that returns the newest token. The client calls it before each attempt to connect,
/// after the server has refused a token, and when the server says that the identity is about to
/// expire. It must not wait: a program that fetches tokens from elsewhere keeps the newest one
/// ready.
#[derive(Clone)]
pub struct TokenSource(Arc<dyn Fn() -> Result<BearerToken, String> + Send + Sync>);

impl TokenSource {
    /// Takes tokens from a function.
    pub fn new(newest: impl Fn() -> BearerToken + Send + Sync + 'static) -> Self {
        Self::fallible(move || Ok(newest()))
    }

    /// Takes tokens from a function that may have none at the moment. Its error is a text for
    /// people, and must not hold any part of a token.
    pub fn fallible(
        newest: impl Fn() -> Result<BearerToken, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(newest))
    }

    /// Reads a file on a local disk, each time: see [`read_token`].
    pub fn file(path: PathBuf) -> Self {
        Self::fallible(move || read_token(&path))
    }

    /// The newest token, or why there is none.
    pub fn newest(&self) -> Result<BearerToken, String> {
        (self.0)()
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSource(..)")
    }
}

impl PartialEq for TokenSource {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TokenSource {}
