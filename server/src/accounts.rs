//! Accounts: how many connections an address or an identity has, and what they use together. All
//! shards share them.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tickcast_core::totals::Totals;

use crate::clock::Clock;

/// Accounts without connections are looked through when there are at least this many of them, and
/// twice as many as remained the last time.
const SWEEP_MIN: usize = 1024;

/// Most accounts that are kept although they have no connection: about 10 MiB. What the others owe
/// is forgiven.
const GONE_MAX: usize = 100_000;

/// Accounts by address or identity; see the module.
#[derive(Debug)]
pub(crate) struct Accounts<K: Hash + Eq> {
    clock: Clock,
    book: Mutex<Book<K>>,
}

#[derive(Debug)]
struct Book<K> {
    by_key: HashMap<K, Account>,
    /// Accounts without connections. They owe something, so that a client that comes back at once
    /// does not begin anew.
    gone: usize,
    sweep_at: usize,
}

#[derive(Debug, Default)]
struct Account {
    connections: usize,
    totals: Arc<Totals>,
}

/// One connection of an account, until it is dropped.
#[derive(Debug)]
pub(crate) struct Member<K: Hash + Eq> {
    accounts: Arc<Accounts<K>>,
    key: K,
    totals: Arc<Totals>,
}

impl<K: Hash + Eq + Clone> Accounts<K> {
    /// No accounts.
    pub(crate) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            book: Mutex::new(Book {
                by_key: HashMap::new(),
                gone: 0,
                sweep_at: SWEEP_MIN,
            }),
        })
    }

    /// Adds a connection to an account. `None` if it has `max` of them.
    pub(crate) fn join(self: &Arc<Self>, key: K, max: Option<usize>) -> Option<Member<K>> {
        let mut book = self.book();
        let found = book.by_key.get(&key).map(|account| account.connections);
        if max.is_some_and(|max| found.unwrap_or(0) >= max) {
            return None;
        }
        if found == Some(0) {
            book.gone -= 1;
        }
        let account = book.by_key.entry(key.clone()).or_default();
        account.connections += 1;
        let totals = Arc::clone(&account.totals);
        Some(Member {
            accounts: Arc::clone(self),
            key,
            totals,
        })
    }
}

impl<K: Hash + Eq> Accounts<K> {
    fn book(&self) -> MutexGuard<'_, Book<K>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq> Book<K> {
    fn leave(&mut self, key: &K, uptime: Duration) {
        let Some(account) = self.by_key.get_mut(key) else {
            return;
        };
        account.connections -= 1;
        if account.connections > 0 {
            return;
        }
        if account.totals.is_paid(uptime) {
            self.by_key.remove(key);
            return;
        }
        self.gone += 1;
        if self.gone >= self.sweep_at {
            self.sweep(uptime);
        }
    }

    fn sweep(&mut self, uptime: Duration) {
        let owes = |account: &Account| !account.totals.is_paid(uptime);
        self.by_key
            .retain(|_, account| account.connections > 0 || owes(account));
        let gone = self.by_key.values();
        self.gone = gone.filter(|account| account.connections == 0).count();
        if self.gone >= GONE_MAX {
            self.by_key.retain(|_, account| account.connections > 0);
            self.gone = 0;
        }
        self.sweep_at = (2 * self.gone).clamp(SWEEP_MIN, GONE_MAX);
    }
}

impl<K: Hash + Eq> Member<K> {
    /// What the account uses.
    pub(crate) fn totals(&self) -> &Arc<Totals> {
        &self.totals
    }
}

impl<K: Hash + Eq> Drop for Member<K> {
    fn drop(&mut self) {
        let uptime = self.accounts.clock.now().uptime;
        self.accounts.book().leave(&self.key, uptime);
    }
}

#[cfg(test)]
mod tests {
    use tickcast_core::totals::TotalLimits;

    use super::*;

    #[test]
    fn an_account_has_as_many_connections_as_the_limit_and_one_for_each_that_ends() {
        let accounts = Accounts::new(Clock::start());
        let first = accounts.join("a", Some(2)).expect("the first of two");
        let second = accounts.join("a", Some(2)).expect("the second");
        assert!(accounts.join("a", Some(2)).is_none());
        assert!(accounts.join("a", None).is_some(), "it has no limit now");
        assert!(accounts.join("b", Some(2)).is_some());
        assert!(Arc::ptr_eq(first.totals(), second.totals()));
        drop(first);
        let third = accounts.join("a", Some(2)).expect("the first has left");
        assert!(Arc::ptr_eq(second.totals(), third.totals()));
        assert!(accounts.join("a", Some(2)).is_none());
        drop([second, third]);
        assert!(accounts.join("a", Some(0)).is_none());
        assert!(accounts.book().by_key.is_empty());
    }

    #[test]
    fn an_account_that_owes_something_is_remembered_without_connections() {
        let limits = TotalLimits {
            requests_per_s: Some(1),
            ..TotalLimits::default()
        };
        let accounts = Accounts::new(Clock::start());
        let far = Duration::from_secs(3600);
        let take = |key: &str| {
            let member = accounts
                .join(key.to_owned(), None)
                .expect("it has no limit");
            member.totals().take_request(&limits, far).is_ok()
        };
        assert!(take("a"));
        assert_eq!(accounts.book().gone, 1);
        let back = accounts.join("a".to_owned(), None);
        assert_eq!(accounts.book().gone, 0, "it has come back");
        drop(back);
        assert!(!take("a"), "a connection that comes back begins anew");
        // All of them owe until the end of the hour.
        for key in 0..GONE_MAX - 2 {
            assert!(take(&key.to_string()));
        }
        assert!(!take("a"));
        assert_eq!(accounts.book().by_key.len(), GONE_MAX - 1);
        let connected = accounts.join("connected".to_owned(), None);
        assert!(take("one too many"));
        let left: Vec<_> = accounts.book().by_key.keys().cloned().collect();
        assert_eq!(left, ["connected"], "there is a bound");
        assert_eq!(accounts.book().gone, 0);
        drop(connected);
    }

    #[test]
    fn accounts_that_have_paid_are_forgotten() {
        let mut book = Book {
            by_key: HashMap::new(),
            gone: 0,
            sweep_at: SWEEP_MIN,
        };
        let limits = TotalLimits {
            requests_per_s: Some(1),
            ..TotalLimits::default()
        };
        let ms = Duration::from_millis;
        for key in 0..SWEEP_MIN as u64 {
            let account: &mut Account = book.by_key.entry(key).or_default();
            account.connections += 1;
            // The first half has paid when the last one leaves.
            let at = ms(key);
            account
                .totals
                .take_request(&limits, at)
                .expect("it is the first");
        }
        let last = SWEEP_MIN as u64 - 1;
        for key in 0..last {
            book.leave(&key, ms(0));
        }
        assert_eq!((book.gone, book.by_key.len()), (SWEEP_MIN - 1, SWEEP_MIN));
        let connected = u64::MAX;
        book.by_key.entry(connected).or_default().connections += 1;
        book.leave(&last, ms(1_000 + SWEEP_MIN as u64 / 2 - 1));
        assert_eq!(
            (book.gone, book.by_key.len()),
            (SWEEP_MIN / 2, SWEEP_MIN / 2 + 1)
        );
        assert!(book.by_key.contains_key(&connected), "it owes nothing");
    }
}
