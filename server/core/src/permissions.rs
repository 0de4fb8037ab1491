//! What clients may do. Every permission is checked here and nowhere else.

use tickcast_protocol::{
    error::ErrorCode,
    topic::{Filter, Topic},
};

use crate::{
    identity::{Identity, Who, include, select},
    refusal::Refusal,
};

/// Most filters that a refusal names.
const SHOWN_MAX: usize = 8;

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
    /// Checks whether a client may perform an action. The settings and the client's identity must
    /// both allow it. An identity that has shown a token may publish from every address.
    pub fn check(&self, access: Access, who: Who<'_>, action: Action<'_>) -> Result<(), Refusal> {
        let identity = match who {
            Who::Everybody => None,
            Who::Unknown => return Err(unknown()),
            Who::Known(identity) => Some(identity),
        };
        let has_token = identity.is_some_and(|identity| !identity.claims.is_anonymous());
        let may_publish = access.may_publish || has_token;
        let is_allowed = match action {
            Action::Subscribe(filter) => include(&self.subscribe, filter),
            Action::ReadHistory(topic) => select(&self.subscribe, topic),
            Action::Publish => may_publish,
            Action::PublishTo(topic) => may_publish && select(&self.publish, topic),
        };
        if !is_allowed {
            return Err(refusal(action));
        }
        identity.map_or(Ok(()), |identity| check_identity(identity, action))
    }
}

fn check_identity(identity: &Identity, action: Action<'_>) -> Result<(), Refusal> {
    let rights = &identity.rights;
    let (is_allowed, filters) = match action {
        Action::Subscribe(filter) => (include(&rights.subscribe, filter), &rights.subscribe),
        Action::ReadHistory(topic) => (select(&rights.history, topic), &rights.history),
        Action::Publish => (!rights.publish.is_empty(), &rights.publish),
        Action::PublishTo(topic) => (select(&rights.publish, topic), &rights.publish),
    };
    if is_allowed {
        return Ok(());
    }
    let (code, what) = named(action);
    let name = identity.name();
    let allowed = shown(filters);
    let reason = format!("{what} is not allowed for {name}; allowed: {allowed}");
    Err(Refusal::new(code, reason))
}

/// Filters as a text of bounded length.
fn shown(filters: &[Filter]) -> String {
    let mut shown: Vec<_> = filters.iter().take(SHOWN_MAX).collect();
    shown.sort_unstable();
    let texts: Vec<_> = shown.iter().map(|filter| format!("{filter:?}")).collect();
    match filters.len().saturating_sub(SHOWN_MAX) {
        _ if filters.is_empty() => "nothing".to_owned(),
        0 => texts.join(", "),
        more => format!("{} and {more} more", texts.join(", ")),
    }
}

fn unknown() -> Refusal {
    let reason = "the server does not know this client: send `authenticate` with a token first";
    Refusal::new(ErrorCode::NotAuthenticated, reason)
}

fn refusal(action: Action<'_>) -> Refusal {
    let (code, what) = named(action);
    let place = match action {
        Action::Publish => " from this address",
        _ => "",
    };
    Refusal::new(
        code,
        format!("{what}{place} is not allowed by the settings"),
    )
}

/// The code of a refusal, and what is refused.
fn named(action: Action<'_>) -> (ErrorCode, String) {
    use ErrorCode::{PublishForbidden, SubscribeForbidden};

    match action {
        Action::Subscribe(filter) => {
            let what = format!("subscribing to {:?}", filter.as_str());
            (SubscribeForbidden, what)
        }
        Action::ReadHistory(topic) => {
            let what = format!("reading {:?}", topic.as_str());
            (SubscribeForbidden, what)
        }
        Action::Publish => (PublishForbidden, "publishing".to_owned()),
        Action::PublishTo(topic) => {
            let what = format!("publishing to {:?}", topic.as_str());
            (PublishForbidden, what)
        }
    }
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
        let check = |access, action| {
            permissions
                .check(access, Who::Everybody, action)
                .map_err(|d| d.code)
        };
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
        let refusal = permissions.check(access, Who::Everybody, Action::Subscribe(&Filter::all()));
        let reason = refusal.unwrap_err().reason;
        assert_eq!(
            reason,
            "subscribing to \"#\" is not allowed by the settings"
        );
    }

    #[test]
    fn a_refusal_of_publishing_says_whether_the_address_or_the_topic_is_the_reason() {
        let reason = |action| refusal(action).reason;
        let topic = Topic::new("lab/a").unwrap();
        assert_eq!(
            reason(Action::Publish),
            "publishing from this address is not allowed by the settings"
        );
        assert_eq!(
            reason(Action::PublishTo(&topic)),
            "publishing to \"lab/a\" is not allowed by the settings"
        );
    }

    #[test]
    fn the_filters_in_a_refusal_are_few_and_in_order() {
        assert_eq!(shown(&[]), "nothing");
        assert_eq!(shown(&filters(&["b", "a/#"])), "\"a/#\", \"b\"");
        let many: Vec<_> = (0..SHOWN_MAX + 2).map(|at| format!("t{at}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let text = shown(&filters(&many));
        assert_eq!(text.matches('"').count(), 2 * SHOWN_MAX, "{text}");
        assert!(text.ends_with(" and 2 more"), "{text}");
    }
}
