//! The bodies of requests, read with a bound on their length and on the time.

use std::{error::Error, pin::pin, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body;
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
    body: impl Body<Error: Into<Box<dyn Error + Send + Sync>>>,
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

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        pin::Pin,
        task::{Context, Poll},
    };

    use hyper::body::{Frame, SizeHint};

    use super::*;

    /// A body in parts, after which nothing comes.
    #[derive(Default)]
    struct Parts {
        announced: u64,
        parts: VecDeque<Result<&'static str, &'static str>>,
        is_endless: bool,
        has_been_read: bool,
    }

    impl Parts {
        fn of(parts: &[Result<&'static str, &'static str>]) -> Self {
            Self {
                parts: parts.iter().copied().collect(),
                ..Self::default()
            }
        }
    }

    impl Body for &mut Parts {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
            self.has_been_read = true;
            match self.parts.pop_front() {
                None if self.is_endless => Poll::Pending,
                part => Poll::Ready(part.map(|part| part.map(|text| Frame::data(text.into())))),
            }
        }

        fn size_hint(&self) -> SizeHint {
            let mut hint = SizeHint::new();
            hint.set_lower(self.announced);
            hint
        }
    }

    fn read_of(body: &mut Parts, max_bytes: usize) -> Result<Bytes, BodyError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build();
        let reading = read(body, max_bytes, Duration::from_secs(5));
        runtime.unwrap().block_on(reading)
    }

    #[test]
    fn a_body_is_read_up_to_its_limit() {
        let parts = || Parts::of(&[Ok("123"), Ok("45")]);
        assert_eq!(read_of(&mut parts(), 5).unwrap(), "12345");
        let too_long = read_of(&mut parts(), 4);
        assert!(matches!(too_long, Err(BodyError::TooLong)), "{too_long:?}");
    }

    #[test]
    fn a_body_that_announces_too_much_is_not_read() {
        for (announced, is_read) in [(4, true), (5, true), (6, false)] {
            let mut body = Parts {
                announced,
                ..Parts::of(&[Ok("12345")])
            };
            let read = read_of(&mut body, 5);
            assert_eq!((read.is_ok(), body.has_been_read), (is_read, is_read));
        }
    }

    #[test]
    fn a_body_that_breaks_off_or_comes_late_is_not_one_that_is_too_long() {
        let broken = read_of(&mut Parts::of(&[Ok("1"), Err("reset")]), 5);
        assert!(
            matches!(broken, Err(BodyError::Incomplete(_))),
            "{broken:?}"
        );
        let mut body = Parts {
            is_endless: true,
            ..Parts::of(&[Ok("1")])
        };
        let late = read_of(&mut body, 5);
        assert!(matches!(late, Err(BodyError::Late)), "{late:?}");
    }
}
