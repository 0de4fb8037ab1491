//! Following until a signal.

use std::{future::pending, time::Duration};

use tokio::time::{sleep, timeout};

use super::subscriptions::Following;
use crate::{
    connection::{ConnectionArgs, Link},
    exit::{Exit, Failure},
    interrupt::Interrupt,
    output::{Output, Taker},
};

/// After a signal, what was received before it has this time to be written. A disk needs less, and
/// a person waits no longer for a prompt.
const LAST_WRITES_MAX: Duration = Duration::from_secs(2);

/// A connection, and the signals that end following.
pub(crate) struct Session {
    interrupt: Interrupt,
    link: Link,
}

impl Session {
    /// Connects; `None` if a signal has come before.
    pub(crate) async fn open(connection: &ConnectionArgs) -> Result<Option<Self>, Failure> {
        let mut interrupt = Interrupt::new()?;
        tokio::select! {
            link = Link::open(connection) => link.map(|link| Some(Self { interrupt, link })),
            () = interrupt.next() => Ok(None),
        }
    }

    /// Follows until a signal, for a duration, or until what is asked for has happened. Everything
    /// that was received before is then written.
    pub(crate) async fn follow(
        self,
        mut following: Following,
        duration: Option<Duration>,
        taker: &mut impl Taker,
        output: &mut Output,
    ) -> Result<Exit, Failure> {
        let Self {
            mut interrupt,
            mut link,
        } = self;
        let over = async {
            match duration {
                Some(duration) => sleep(duration).await,
                None => pending().await,
            }
        };
        let (ended, is_interrupted) = tokio::select! {
            ended = following.run(&mut link, taker, output) => (ended?, false),
            () = over => (Exit::Done, false),
            () = interrupt.next() => (Exit::Done, true),
        };
        let last = async {
            link.close().await;
            output.finish().await
        };
        if is_interrupted {
            // What is not written by then has a reader that does not read.
            let written = timeout(LAST_WRITES_MAX, last).await;
            return written.unwrap_or(Ok(())).map(|()| ended);
        }
        tokio::select! {
            written = last => written.map(|()| ended),
            () = interrupt.next() => Ok(Exit::Done),
        }
    }
}
