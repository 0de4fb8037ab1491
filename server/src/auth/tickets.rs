//! Tickets: each stands once, and for a short time, for the identity that has asked for it.
//!
//! A browser's `EventSource` can send no header, so its URL needs something that proves an
//! identity. URLs end up in logs. What a log shows of a ticket is worth nothing: it has been used,
//! or is too old soon. The time is passed in.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use tickcast_core::identity::Identity;

use super::secret::{Hash, hash};

/// Time for a client to use its ticket: it connects at once.
pub const TICKET_LIFE: Duration = Duration::from_secs(30);

/// Most tickets of this time, used or not: some megabytes.
const TICKETS_MAX: usize = 10_000;

/// The same for one subject, so that it leaves room for others.
const TICKETS_PER_SUBJECT_MAX: usize = 100;

/// Begins each ticket, so that it is not taken for a token.
const PREFIX: &str = "tck_";

/// Random bytes of a ticket: none can be guessed.
const RANDOM_BYTES: usize = 32;

/// Why there is no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// The subject has had too many.
    #[error(
        "too many tickets of this subject (limit {TICKETS_PER_SUBJECT_MAX} in {} s): try again \
         later",
        TICKET_LIFE.as_secs()
    )]
    OfSubject,
    /// There are too many.
    #[error(
        "too many tickets (limit {TICKETS_MAX} in {} s): try again later",
        TICKET_LIFE.as_secs()
    )]
    Full,
}

/// The tickets of a server.
#[derive(Debug, Default)]
pub struct Tickets {
    /// Those that were not used yet, by their hashes.
    unused: HashMap<Hash, Arc<Identity>>,
    /// All of this time: when each ends, in order.
    issued: VecDeque<Issued>,
    per_subject: HashMap<Arc<str>, usize>,
}

#[derive(Debug)]
struct Issued {
    ends: Duration,
    hash: Hash,
    subject: Arc<str>,
}

impl Tickets {
    /// Makes a ticket for an identity.
    pub fn issue(
        &mut self,
        identity: Arc<Identity>,
        uptime: Duration,
    ) -> Result<String, TicketError> {
        self.forget_old(uptime);
        if self.issued.len() >= TICKETS_MAX {
            return Err(TicketError::Full);
        }
        let subject = Arc::clone(&identity.claims.subject);
        let of_subject = self.per_subject.entry(Arc::clone(&subject)).or_default();
        if *of_subject >= TICKETS_PER_SUBJECT_MAX {
            return Err(TicketError::OfSubject);
        }
        *of_subject += 1;
        let random: [u8; RANDOM_BYTES] = rand::random();
        let ticket = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random));
        let hash = hash(&ticket);
        self.unused.insert(hash, identity);
        self.issued.push_back(Issued {
            ends: uptime + TICKET_LIFE,
            hash,
            subject,
        });
        Ok(ticket)
    }

    /// The identity of a ticket, which is used up with this. What can be measured from outside
    /// depends on the hash of the text that the client has chosen.
    pub fn redeem(&mut self, ticket: &str, uptime: Duration) -> Option<Arc<Identity>> {
        self.forget_old(uptime);
        self.unused.remove(&hash(ticket))
    }

    fn forget_old(&mut self, uptime: Duration) {
        let is_old = |issued: &mut Issued| issued.ends <= uptime;
        while let Some(Issued { hash, subject, .. }) = self.issued.pop_front_if(is_old) {
            self.unused.remove(&hash);
            if let Some(count) = self.per_subject.get_mut(&subject) {
                *count -= 1;
                if *count == 0 {
                    self.per_subject.remove(&subject);
                }
            }
        }
    }
}
