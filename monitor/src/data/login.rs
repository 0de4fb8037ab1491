//! How the program logs in at one server. Nothing of it is ever saved or printed.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use tickcast_protocol::{client::ExtraHeader, message::BearerToken, token_file::check_token};

/// The login at one server. Copies share the token.
#[derive(Debug, Clone, Default)]
pub struct Login {
    token: Arc<Mutex<Option<TokenOrigin>>>,
    header: Option<ExtraHeader>,
}

/// Where a token comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenOrigin {
    /// A file that is read before each attempt to connect and before the token expires.
    File(PathBuf),
    /// What the user has typed.
    Given(BearerToken),
}

impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        self.origin() == other.origin() && self.header == other.header
    }
}

impl Login {
    /// A login with a token from here, and with a header for a proxy.
    pub(crate) fn new(origin: Option<TokenOrigin>, header: Option<ExtraHeader>) -> Self {
        Self {
            token: Arc::new(Mutex::new(origin)),
            header,
        }
    }

    /// Reads what the user has typed: a token, and a header `Name: value`. Empty is neither. The
    /// error says what is wrong, and never repeats a secret.
    pub fn typed(token: &str, header: &str) -> Result<Self, String> {
        let origin = match token.trim() {
            "" => None,
            token => {
                let token = check_token(token).map_err(|what| format!("the token {what}"))?;
                Some(TokenOrigin::Given(token))
            }
        };
        let header = match header.trim() {
            "" => None,
            line => Some(
                line.parse::<ExtraHeader>()
                    .map_err(|error| error.to_string())?,
            ),
        };
        Ok(Self::new(origin, header)).and_then(Self::checked)
    }

    /// A login whose token is read from a file.
    pub fn of_file(path: PathBuf) -> Self {
        Self::new(Some(TokenOrigin::File(path)), None)
    }

    /// A token and a header `Authorization` would be the same header.
    pub(crate) fn checked(self) -> Result<Self, String> {
        let is_login = |header: &ExtraHeader| header.name() == "authorization";
        match self.has_token() && self.header.as_ref().is_some_and(is_login) {
            true => Err("a token and a header Authorization exclude each other".to_owned()),
            false => Ok(self),
        }
    }

    /// Whether there is a token.
    pub(crate) fn has_token(&self) -> bool {
        self.origin().is_some()
    }

    /// Whether there is anything that could be forgotten.
    pub(crate) fn is_empty(&self) -> bool {
        !self.has_token() && self.header.is_none()
    }

    /// The file that the token is read from.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match self.origin()? {
            TokenOrigin::File(path) => Some(path),
            TokenOrigin::Given(_) => None,
        }
    }

    pub(crate) fn header(&self) -> Option<&ExtraHeader> {
        self.header.as_ref()
    }

    /// Another token for the connections that have this login already.
    pub(crate) fn replace_token(&self, other: &Self) {
        let origin = other.origin();
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = origin;
    }

    /// The token that the user has typed.
    pub(crate) fn given(&self) -> Option<BearerToken> {
        match self.origin()? {
            TokenOrigin::File(_) => None,
            TokenOrigin::Given(token) => Some(token),
        }
    }

    /// Where the token comes from; `None` if there is none.
    pub(crate) fn origin(&self) -> Option<TokenOrigin> {
        let origin = self.token.lock();
        origin.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_checked_and_never_shown() {
        let login = Login::typed(" tct_secret ", "X-Key: tct_hidden").unwrap();
        assert_eq!(login.given(), Some(BearerToken::new("tct_secret")));
        assert!(!format!("{login:?}").contains("tct_"), "{login:?}");
        assert!(Login::typed("", "").unwrap().is_empty());
        for (token, header) in [
            ("tct_a b", ""),
            ("", "tct_no colon"),
            ("tct_a", "Authorization: Basic tct_b"),
            ("", "Host: tct_a"),
        ] {
            let error = Login::typed(token, header).unwrap_err();
            assert!(!error.contains("tct_"), "{error}");
        }
    }

    #[test]
    fn another_token_reaches_the_copies_of_a_login() {
        let login = Login::typed("first", "").unwrap();
        let copy = login.clone();
        login.replace_token(&Login::typed("second", "").unwrap());
        assert_eq!(copy.given(), Some(BearerToken::new("second")));
    }
}
