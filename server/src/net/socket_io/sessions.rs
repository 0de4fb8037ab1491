//! The sessions whose clients poll: the requests of a session find it by its id.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::exchange::Exchange;

/// Maximum number of sessions that have begun with polls, of the whole server. Each may hold 16 KiB
/// that no poll takes. Clients that begin with a WebSocket do not count.
pub(super) const SESSIONS_MAX: usize = 4_096;

/// The id of a session. A client that knows it can read what the session's client reads, so it
/// cannot be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SessionId(u128);

impl SessionId {
    pub(super) fn random() -> Self {
        Self(rand::random())
    }

    /// Parses what `Display` has written.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let id = Self(u128::from_str_radix(text, 16).ok()?);
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

/// The sessions of all shards.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<SessionId, Arc<Exchange>>>);

/// A session's entry, which is removed when this is dropped. The session ends with it.
#[derive(Debug)]
pub(super) struct Entry {
    sessions: Arc<Sessions>,
    pub(super) id: SessionId,
    pub(super) exchange: Arc<Exchange>,
}

impl Sessions {
    fn map(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Exchange>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a session; `None` if there are too many.
    pub(super) fn add(self: &Arc<Self>, exchange: Exchange) -> Option<Entry> {
        let mut map = self.map();
        if map.len() >= SESSIONS_MAX {
            return None;
        }
        let (id, exchange) = (SessionId::random(), Arc::new(exchange));
        map.insert(id, Arc::clone(&exchange));
        Some(Entry {
            sessions: Arc::clone(self),
            id,
            exchange,
        })
    }

    /// Finds a session.
    pub(super) fn find(&self, id: SessionId) -> Option<Arc<Exchange>> {
        self.map().get(&id).cloned()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.exchange.end();
        self.sessions.map().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_by_its_id_until_it_ends() {
        let sessions = Arc::<Sessions>::default();
        let entry = sessions.add(Exchange::new().0).unwrap();
        let id = SessionId::parse(&entry.id.to_string()).unwrap();
        let found = sessions.find(id).unwrap();
        assert!(Arc::ptr_eq(&found, &entry.exchange));
        drop(entry);
        assert!(sessions.find(id).is_none());
        assert!(found.begin_post().is_err());
        for wrong in ["", "0", "+f", "g", &"0".repeat(33)] {
            assert_eq!(SessionId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn there_are_as_many_sessions_as_the_limit() {
        let sessions = Arc::<Sessions>::default();
        let mut entries: Vec<_> = (0..SESSIONS_MAX)
            .map(|_| sessions.add(Exchange::new().0).unwrap())
            .collect();
        assert!(sessions.add(Exchange::new().0).is_none());
        entries.pop();
        assert!(sessions.add(Exchange::new().0).is_some());
    }
}
