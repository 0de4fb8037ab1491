//! Who this program is to a server, what it may read there, and what it may not read any more.

use tickcast_protocol::{
    message::{Authenticated, Position, TimeNs},
    topic::{Filter, Topic},
};

use super::time::SECOND;

/// The most ends of subscriptions that are remembered: the oldest is forgotten.
const DENIALS_MAX: usize = 64;

/// The most filters that a text names.
const NAMED_MAX: usize = 8;

/// A login that ends within this time is shown as a warning.
const WARNING_NS: i64 = 60 * SECOND;

/// What one server allows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Access {
    /// What the server says; `None` if it has no identities.
    identity: Option<Authenticated>,
    allowed: Vec<Filter>,
    /// What is wrong with the login, in words.
    problem: Option<String>,
    /// For what is not allowed without a word of the server about it.
    general: Option<Denial>,
    denials: Vec<Denial>,
}

/// Why topics may not be read (any more).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Denial {
    filter: Filter,
    /// Since when.
    pub(crate) since_ns: TimeNs,
    /// Everything up to it has come.
    pub(crate) position: Option<Position>,
    /// The server's reason.
    pub(crate) reason: String,
}

impl Access {
    /// The server has said what is allowed from now on.
    pub(crate) fn identified(&mut self, told: Authenticated, now_ns: TimeNs) {
        let filters = told.subscribe.iter();
        self.allowed = filters.filter_map(|text| Filter::new(text).ok()).collect();
        let allowed = &self.allowed;
        self.denials
            .retain(|denial| !allowed.iter().any(|filter| filter.includes(&denial.filter)));
        let since_ns = self
            .general
            .as_ref()
            .map_or(now_ns, |denial| denial.since_ns);
        self.general = Some(Denial {
            filter: Filter::all(),
            since_ns,
            position: None,
            reason: format!(
                "the role {:?} does not allow it; allowed: {}",
                told.role,
                named(&told.subscribe)
            ),
        });
        self.identity = Some(told);
        self.problem = None;
    }

    /// The server has ended a subscription, after everything up to a position.
    pub(crate) fn ended(
        &mut self,
        filter: Filter,
        position: Position,
        reason: String,
        since_ns: TimeNs,
    ) {
        self.denials.retain(|denial| denial.filter != filter);
        if self.denials.len() >= DENIALS_MAX {
            self.denials.remove(0);
        }
        self.denials.push(Denial {
            filter,
            since_ns,
            position: Some(position),
            reason,
        });
    }

    /// Something is wrong with the login.
    pub(crate) fn set_problem(&mut self, problem: String) {
        self.problem = Some(problem);
    }

    /// What is wrong with the login, in words.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// What the server says.
    pub(crate) fn identity(&self) -> Option<&Authenticated> {
        self.identity.as_ref()
    }

    /// Whether the server has identities.
    pub(crate) fn is_used(&self) -> bool {
        self.identity.is_some() || self.problem.is_some()
    }

    /// Why a topic may not be read, if it may not.
    pub(crate) fn denial(&self, topic: &Topic) -> Option<&Denial> {
        self.identity.as_ref()?;
        if self
            .allowed
            .iter()
            .any(|filter| filter.matches(topic.as_str()))
        {
            return None;
        }
        let mut told = self.denials.iter().rev();
        told.find(|denial| denial.filter.matches(topic.as_str()))
            .or(self.general.as_ref())
    }

    /// How long the login lasts, if it ends.
    pub(crate) fn left_ns(&self, now_ns: TimeNs) -> Option<i64> {
        let expires_ns = self.identity.as_ref()?.expires_ns?;
        Some(expires_ns.saturating_sub(now_ns).max(0))
    }

    /// Whether the login needs attention: something is wrong with it, or it ends soon.
    pub(crate) fn needs_attention(&self, now_ns: TimeNs) -> bool {
        let left_ns = self.left_ns(now_ns);
        self.problem.is_some() || left_ns.is_some_and(|left_ns| left_ns < WARNING_NS)
    }

    /// Who this program is, in words.
    pub(crate) fn who(&self) -> String {
        match &self.identity {
            None => "Not logged in.".to_owned(),
            Some(told) if told.subject.is_empty() => {
                format!(
                    "Not logged in. Without a token the role is {:?}.",
                    told.role
                )
            }
            Some(told) => format!(
                "Logged in as {:?} with the role {:?}.",
                told.subject, told.role
            ),
        }
    }

    /// What is allowed: pairs of a name and a text.
    pub(crate) fn rights(&self) -> Vec<(&'static str, String)> {
        let Some(told) = &self.identity else {
            return Vec::new();
        };
        let mut rights = vec![
            ("May read", named(&told.subscribe)),
            ("Their past", named(&told.history)),
            ("May publish", named(&told.publish)),
        ];
        if let Some(rate_hz) = told.max_rate_hz {
            rights.push((
                "At most",
                format!("{rate_hz} values a second of each topic"),
            ));
        }
        rights
    }
}

/// Filters as a text of bounded length.
fn named(filters: &[String]) -> String {
    match filters {
        [] => "nothing".to_owned(),
        filters if filters.iter().any(|filter| filter == "#") => "everything".to_owned(),
        filters if filters.len() > NAMED_MAX => {
            let more = filters.len() - NAMED_MAX;
            format!("{} and {more} more", filters[..NAMED_MAX].join("  "))
        }
        filters => filters.join("  "),
    }
}

/// The filters to subscribe to instead of the wanted ones: where everything is wanted, all that is
/// allowed. A filter that another one includes is left out.
pub(crate) fn readable(wanted: &[Filter], told: &Authenticated) -> Vec<Filter> {
    let all = Filter::all();
    let allowed: Vec<Filter> = told
        .subscribe
        .iter()
        .filter_map(|text| Filter::new(text).ok())
        .collect();
    if !wanted.contains(&all) || allowed.contains(&all) {
        return wanted.to_vec();
    }
    let others = wanted.iter().filter(|filter| **filter != all).cloned();
    let mut readable: Vec<Filter> = others.collect();
    for filter in &allowed {
        let is_covered = |other: &Filter| other != filter && other.includes(filter);
        if !allowed.iter().any(is_covered) && !readable.contains(filter) {
            readable.push(filter.clone());
        }
    }
    readable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(subscribe: &[&str]) -> Authenticated {
        Authenticated {
            id: None,
            subject: "alice".to_owned(),
            role: "reader".to_owned(),
            expires_ns: Some(100 * SECOND),
            subscribe: subscribe.iter().map(ToString::to_string).collect(),
            history: Vec::new(),
            publish: Vec::new(),
            max_rate_hz: None,
        }
    }

    fn filter(text: &str) -> Filter {
        Filter::new(text).unwrap()
    }

    fn topic(text: &str) -> Topic {
        Topic::new(text).unwrap()
    }

    #[test]
    fn what_is_not_allowed_has_a_reason_and_a_time_until_it_is_allowed_again() {
        let mut access = Access::default();
        assert_eq!(access.denial(&topic("a/b")), None);
        access.identified(told(&["#"]), 1);
        assert_eq!(access.denial(&topic("a/b")), None);
        access.identified(told(&["a/#"]), 2);
        access.ended(filter("#"), 7, "not any more".to_owned(), 3);
        assert_eq!(access.denial(&topic("a/b")), None);
        let denial = access.denial(&topic("b")).unwrap();
        assert_eq!(
            (denial.since_ns, denial.position, &*denial.reason),
            (3, Some(7), "not any more")
        );
        access.identified(told(&["#"]), 4);
        access.identified(told(&["a/#"]), 5);
        let denial = access.denial(&topic("b")).unwrap();
        assert_eq!(
            denial.reason,
            "the role \"reader\" does not allow it; allowed: a/#"
        );
    }

    #[test]
    fn where_everything_is_wanted_all_that_is_allowed_is_subscribed() {
        let all = [Filter::all()];
        for (allowed, expected) in [
            (&["#"][..], &["#"][..]),
            (&["a/#", "a/b", "c"], &["a/#", "c"]),
            (&[], &[]),
        ] {
            let expected: Vec<_> = expected.iter().map(|text| filter(text)).collect();
            assert_eq!(readable(&all, &told(allowed)), expected);
        }
        let wanted = [filter("x/#")];
        assert_eq!(readable(&wanted, &told(&["a"])), wanted);
    }

    #[test]
    fn a_login_that_ends_soon_needs_attention() {
        let mut access = Access::default();
        assert!(!access.needs_attention(0));
        access.identified(told(&["#"]), 0);
        assert!(!access.needs_attention(39 * SECOND));
        assert!(access.needs_attention(41 * SECOND));
        assert_eq!(access.left_ns(200 * SECOND), Some(0));
    }
}
