//! What carries the packets.

use tokio::io::{AsyncRead, AsyncWrite};

/// A connection to the broker.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
