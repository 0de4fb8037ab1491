//! Where a client takes its tokens from.

use std::{fmt, sync::Arc};

use crate::message::BearerToken;

/// A function that returns the newest token. The client calls it before each attempt to connect,
/// and when the server says that the identity is about to expire. It must not wait: a program that
/// fetches tokens from elsewhere keeps the newest one ready.
#[derive(Clone)]
pub struct TokenSource(Arc<dyn Fn() -> BearerToken + Send + Sync>);

impl TokenSource {
    /// Takes tokens from a function.
    pub fn new(newest: impl Fn() -> BearerToken + Send + Sync + 'static) -> Self {
        Self(Arc::new(newest))
    }

    /// The newest token.
    pub fn newest(&self) -> BearerToken {
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
