//! The bodies of requests, read with a bound on their length and on the time.

use std::{error::Error, pin::pin, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

/// Why a body was not read.
#[derive(Debug)]
pub(super) enum BodyError {
    /// It is longer than it may be.
    TooLong,
    /// It ended too early.
    Incomplete(Box<dyn Error + Send + Sync>),
    /// It was not complete in time.
    Late,
}

/// Reads a body. Nothing is read of one that announces more bytes than it may have: until it is
/// read from, hyper does not tell a client that waits for `100 Continue` to send it.
pub(super) async fn read(
    body: Incoming,
    max_bytes: usize,
    within: Duration,
) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(BodyError::TooLong);
    }
    let read = pin!(Limited::new(body, max_bytes).collect());
    match timeout(within, read).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLong),
        Ok(Err(error)) => Err(BodyError::Incomplete(error)),
        Err(_) => Err(BodyError::Late),
    }
}
