//! What clients may do. Every permission is checked here and nowhere else.

use tickcast_protocol::{
    error::ErrorCode,
    topic::{Filter, Topic},
};

use crate::refusal::Refusal;

/// What a client wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// Read all topics that a filter matches, from now on.
    Subscribe(&'a Filter),
    /// Read the past of a topic.
    ReadHistory(&'a Topic),
    /// Publish at all, to any topic.
    Publish,
    /// Publish to a topic.
    PublishTo(&'a Topic),
}

/// What the settings allow clients to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Permissions {
    /// Topics that may be read.
    pub subscribe: Vec<Filter>,
    /// Topics that may be published to.
    pub publish: Vec<Filter>,
}

impl Default for Permissions {
    /// Allows everything.
    fn default() -> Self {
        Self {
            subscribe: vec![Filter::all()],
            publish: vec![Filter::all()],
        }
    }
}

/// What the server knows about a client that asks for permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Whether the settings allow the client's address to publish.
    pub may_publish: bool,
}

impl Access {
    /// A client that only reads.
    pub const READER: Self = Self { may_publish: false };
}

impl Permissions {
    /// Checks whether a client may perform an action.
    pub fn check(&self, access: Access, action: Action<'_>) -> Result<(), Refusal> {
        let matches = |allowed: &[Filter], topic: &Topic| {
            allowed.iter().any(|filter| filter.matches(topic.as_str()))
        };
        let is_allowed = match action {
            Action::Subscribe(filter) => {
                let mut allowed = self.subscribe.iter();
                allowed.any(|allowed| allowed.includes(filter))
            }
            Action::ReadHistory(topic) => matches(&self.subscribe, topic),
            Action::Publish => access.may_publish,
            Action::PublishTo(topic) => access.may_publish && matches(&self.publish, topic),
        };
        if is_allowed {
            return Ok(());
        }
        Err(refusal(action))
    }
}

fn refusal(action: Action<'_>) -> Refusal {
    use ErrorCode::{PublishForbidden, SubscribeForbidden};

    let (code, what) = match action {
        Action::Subscribe(filter) => {
            let what = format!("subscribing to {:?}", filter.as_str());
            (SubscribeForbidden, what)
        }
        Action::ReadHistory(topic) => {
            let what = format!("reading {:?}", topic.as_str());
            (SubscribeForbidden, what)
        }
        Action::Publish => (PublishForbidden, "publishing from this address".to_owned()),
        Action::PublishTo(topic) => {
            let what = format!("publishing to {:?}", topic.as_str());
            (PublishForbidden, what)
        }
    };
    Refusal::new(code, format!("{what} is not allowed by the settings"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(texts: &[&str]) -> Vec<Filter> {
        texts
            .iter()
            .map(|text| Filter::new(text).unwrap())
            .collect()
    }

    #[test]
    fn each_action_has_its_filters_and_its_code() {
        let permissions = Permissions {
            subscribe: filters(&["market/#"]),
            publish: filters(&["lab/+"]),
        };
        let publisher = Access { may_publish: true };
        let reader = Access::READER;
        let (market, lab) = (
            Topic::new("market/a").unwrap(),
            Topic::new("lab/a").unwrap(),
        );
        let (wide, narrow) = (Filter::all(), Filter::new("market/+").unwrap());
        let check = |access, action| permissions.check(access, action).map_err(|d| d.code);
        let no_reading = Err(ErrorCode::SubscribeForbidden);
        let no_publishing = Err(ErrorCode::PublishForbidden);
        assert_eq!(check(reader, Action::Subscribe(&narrow)), Ok(()));
        assert_eq!(check(reader, Action::Subscribe(&wide)), no_reading);
        assert_eq!(check(reader, Action::ReadHistory(&market)), Ok(()));
        assert_eq!(check(reader, Action::ReadHistory(&lab)), no_reading);
        assert_eq!(check(publisher, Action::Publish), Ok(()));
        assert_eq!(check(reader, Action::Publish), no_publishing);
        assert_eq!(check(publisher, Action::PublishTo(&lab)), Ok(()));
        assert_eq!(check(publisher, Action::PublishTo(&market)), no_publishing);
        assert_eq!(check(reader, Action::PublishTo(&lab)), no_publishing);
    }

    #[test]
    fn a_refusal_names_what_was_refused() {
        let permissions = Permissions {
            subscribe: Vec::new(),
            publish: Vec::new(),
        };
        let access = Access::READER;
        let refusal = permissions.check(access, Action::Subscribe(&Filter::all()));
        let reason = refusal.unwrap_err().reason;
        assert_eq!(
            reason,
            "subscribing to \"#\" is not allowed by the settings"
        );
    }
}
