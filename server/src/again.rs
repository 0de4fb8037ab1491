//! A node of a cluster that starts again in place, because the stream has another past now.

use crate::{server::Server, start_error::StartError};

impl Server {
    /// Completes with the reason when the server must [`restart`](Self::restart): it is a node of a
    /// cluster, and an epoch has begun there, or the stream is another one.
    pub fn outdated(&self) -> impl Future<Output = String> + Send + use<> {
        let mut outdated = self.outdated.clone();
        async move {
            if let Ok(outdated) = outdated.wait_for(Option::is_some).await
                && let Some(outdated) = &*outdated
            {
                return outdated.reason.clone();
            }
            // Its thread has ended, or it is no node.
            std::future::pending().await
        }
    }

    /// Shuts the server down and starts it again, at the same addresses. It compares what it finds
    /// with what it knew.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn restart(self) -> Result<Self, StartError> {
        let outdated = self.outdated.borrow().clone();
        let (settings, passed) = self.shut_down();
        Self::start_knowing(
            settings,
            passed,
            outdated.and_then(|outdated| outdated.known),
        )
    }
}
