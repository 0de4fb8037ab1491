//! Which token the next attempt to connect shows, and when an identity is renewed. The time is
//! passed in, counted from the client's start.

use std::time::Duration;

use super::token_source::TokenSource;
use crate::message::{BearerToken, RequestId};

/// A token that the server has refused is shown again after this time at the earliest, because an
/// operator may have allowed it meanwhile. Another token is shown at once.
const REFUSED_REST: Duration = Duration::from_secs(60);

/// While the identity is about to expire, the source is asked this often for another token.
const RENEW_INTERVAL: Duration = Duration::from_millis(250);

/// The tokens of a client. Without a source it decides nothing.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    source: Option<TokenSource>,
    /// The token of this connection, or of the attempt.
    shown: Option<BearerToken>,
    refused: Option<RefusedToken>,
    /// When to ask for another token, while the identity is about to expire.
    renew_at: Option<Duration>,
    /// The token that the server was shown last on this connection, and the request.
    renewal: Option<(RequestId, BearerToken)>,
}

#[derive(Debug)]
struct RefusedToken {
    token: BearerToken,
    until: Duration,
    /// The server's reason.
    why: String,
}

impl Tokens {
    pub(super) fn new(source: Option<TokenSource>) -> Self {
        Self {
            source,
            ..Self::default()
        }
    }

    pub(super) fn has_source(&self) -> bool {
        self.source.is_some()
    }

    /// The token for an attempt to connect: the newest one, or without a source the given one. The
    /// error says in words why there is none.
    pub(super) fn for_attempt(
        &mut self,
        given: Option<&BearerToken>,
        now: Duration,
    ) -> Result<Option<BearerToken>, String> {
        self.renew_at = None;
        self.renewal = None;
        let Some(source) = &self.source else {
            return Ok(given.cloned());
        };
        let newest = source.newest()?;
        if let Some(refused) = self.refusal_of(&newest, now) {
            let why = &refused.why;
            return Err(format!("{why}; no other token yet"));
        }
        self.shown = Some(newest.clone());
        Ok(Some(newest))
    }

    /// The server does not accept the token of this connection or attempt (any more).
    pub(super) fn refused(&mut self, why: String, now: Duration) {
        if let Some(token) = self.shown.clone() {
            self.refuse(token, why, now);
        }
    }

    fn refuse(&mut self, token: BearerToken, why: String, now: Duration) {
        let until = now + REFUSED_REST;
        self.refused = Some(RefusedToken { token, until, why });
    }

    fn refusal_of(&self, token: &BearerToken, now: Duration) -> Option<&RefusedToken> {
        let refused = self.refused.as_ref();
        refused.filter(|refused| refused.token == *token && now < refused.until)
    }

    /// The identity is about to expire.
    pub(super) fn expiring(&mut self, now: Duration) {
        if self.source.is_some() {
            self.renew_at = Some(now);
        }
    }

    /// When to call [`Self::renew`].
    pub(super) fn renew_at(&self) -> Option<Duration> {
        self.renew_at
    }

    /// Another token than the one of the connection, if the identity is about to expire and the
    /// source has one.
    pub(super) fn renew(&mut self, now: Duration) -> Option<BearerToken> {
        self.renew_at.take_if(|at| *at <= now)?;
        self.renew_at = Some(now + RENEW_INTERVAL);
        let newest = self.source.as_ref()?.newest().ok()?;
        let is_known = self.shown.as_ref() == Some(&newest);
        if is_known || self.refusal_of(&newest, now).is_some() {
            return None;
        }
        self.renew_at = None;
        Some(newest)
    }

    /// The server was shown a token in this request.
    pub(super) fn renewing(&mut self, id: RequestId, token: BearerToken) {
        self.renewal = Some((id, token));
    }

    /// The server has accepted the token of a request.
    pub(super) fn renewed(&mut self, id: RequestId) {
        if let Some((_, token)) = self.renewal.take_if(|(asked, _)| *asked == id) {
            self.shown = Some(token);
        }
    }

    /// The server has refused the token of a request. The identity still expires.
    pub(super) fn not_renewed(&mut self, id: RequestId, why: &str, now: Duration) {
        if let Some((_, token)) = self.renewal.take_if(|(asked, _)| *asked == id) {
            self.refuse(token, why.to_owned(), now);
            self.renew_at = Some(now + RENEW_INTERVAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    type Newest = Arc<Mutex<Result<&'static str, &'static str>>>;

    /// Tokens whose source a test changes.
    fn tokens() -> (Tokens, Newest) {
        let newest: Newest = Arc::new(Mutex::new(Ok("a")));
        let given = Arc::clone(&newest);
        let source = TokenSource::fallible(move || match *given.lock().unwrap() {
            Ok(token) => Ok(BearerToken::new(token)),
            Err(why) => Err(why.to_owned()),
        });
        (Tokens::new(Some(source)), newest)
    }

    fn token(text: &str) -> BearerToken {
        BearerToken::new(text)
    }

    #[test]
    fn a_refused_token_rests_and_another_one_is_shown_at_once() {
        let (mut tokens, newest) = tokens();
        let start = Duration::from_secs(7);
        assert_eq!(tokens.for_attempt(None, start), Ok(Some(token("a"))));
        tokens.refused("it has expired".to_owned(), start);
        let refused = tokens.for_attempt(None, start);
        assert_eq!(
            refused,
            Err("it has expired; no other token yet".to_owned())
        );
        *newest.lock().unwrap() = Err("cannot read the file");
        let missing = tokens.for_attempt(None, start);
        assert_eq!(missing, Err("cannot read the file".to_owned()));
        *newest.lock().unwrap() = Ok("b");
        assert_eq!(tokens.for_attempt(None, start), Ok(Some(token("b"))));
        *newest.lock().unwrap() = Ok("a");
        let later = start + REFUSED_REST;
        assert_eq!(tokens.for_attempt(None, later), Ok(Some(token("a"))));
    }

    #[test]
    fn a_token_that_is_known_or_refused_does_not_renew_and_another_one_does() {
        let (mut tokens, newest) = tokens();
        let mut now = Duration::from_secs(7);
        tokens.for_attempt(None, now).unwrap();
        assert_eq!(tokens.renew_at(), None);
        tokens.expiring(now);
        assert_eq!(tokens.renew(now), None);
        assert_eq!(tokens.renew_at(), Some(now + RENEW_INTERVAL));
        *newest.lock().unwrap() = Ok("b");
        assert_eq!(tokens.renew(now), None, "it is not due yet");
        now += RENEW_INTERVAL;
        assert_eq!(tokens.renew(now), Some(token("b")));
        assert_eq!(tokens.renew_at(), None);
        tokens.renewing(1, token("b"));
        tokens.not_renewed(1, "it is of another identity", now);
        now += RENEW_INTERVAL;
        assert_eq!(tokens.renew(now), None);
        *newest.lock().unwrap() = Ok("c");
        now += RENEW_INTERVAL;
        assert_eq!(tokens.renew(now), Some(token("c")));
        tokens.renewing(2, token("c"));
        tokens.renewed(2);
        tokens.expiring(now);
        assert_eq!(tokens.renew(now), None, "it is the token of the connection");
    }

    #[test]
    fn without_a_source_the_given_token_is_shown_again_and_again() {
        let mut tokens = Tokens::default();
        let (now, given) = (Duration::from_secs(7), token("a"));
        for _ in 0..2 {
            let shown = tokens.for_attempt(Some(&given), now);
            assert_eq!(shown, Ok(Some(given.clone())));
            tokens.refused("no".to_owned(), now);
        }
        tokens.expiring(now);
        assert_eq!(tokens.renew_at(), None);
    }
}
