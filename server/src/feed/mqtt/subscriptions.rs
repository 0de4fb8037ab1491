//! Which filters are subscribed to, and whether a message is one of theirs that has not come yet.
//!
//! A broker may send a message once for each subscription that matches. So a filter that another
//! one includes is not subscribed to. If filters only overlap, as `a/+` and `+/b` do, each gets an
//! identifier in version 5, and of several copies of a message the one for the first filter counts.
//! Version 3.1.1 has no identifiers, so a message may come twice there.
//!
//! A kept session has the filters of earlier settings, which the broker does not tell. A message
//! that no filter matches shows that there is such a filter, and all filters that could have
//! matched it are removed.

use std::hash::{DefaultHasher, Hash, Hasher};

use tickcast_protocol::topic::Filter;

/// What is to be done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Take,
    /// Another copy of it comes, or has come.
    Repeated,
    /// No filter of the settings matches.
    Unwanted,
}

/// The subscriptions of a feed.
#[derive(Debug)]
pub(super) struct Subscriptions {
    wanted: Vec<Subscription>,
    /// Whether some overlap, so that copies must be told apart.
    do_overlap: bool,
    /// Whether the broker has been told the identifiers.
    has_identifiers: bool,
}

#[derive(Debug)]
struct Subscription {
    filter: Filter,
    identifier: u32,
    is_refused: bool,
}

/// Highest subscription identifier (MQTT 5.0, section 3.8.2.1.2).
const IDENTIFIER_MAX: u64 = 268_435_455;

/// Deepest topic whose filters are all tried. It has 767 of them; each level more has twice as
/// many.
const LEVELS_MAX: usize = 8;

impl Subscriptions {
    pub(super) fn new(filters: &[Filter]) -> Self {
        let mut wanted = Vec::<Subscription>::new();
        for (index, filter) in filters.iter().enumerate() {
            let is_included = |(other, by): (usize, &Filter)| {
                by.includes(filter) && (other < index || !filter.includes(by))
            };
            if !filters
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index)
                .any(is_included)
            {
                wanted.push(Subscription {
                    filter: filter.clone(),
                    identifier: identifier(filter),
                    is_refused: false,
                });
            }
        }
        let mut pairs = (1..).zip(&wanted);
        let do_overlap = pairs.any(|(next, one)| {
            wanted[next..]
                .iter()
                .any(|other| overlap(&one.filter, &other.filter))
        });
        Self {
            wanted,
            do_overlap,
            has_identifiers: false,
        }
    }

    /// Number of subscriptions.
    pub(super) fn len(&self) -> usize {
        self.wanted.len()
    }

    /// The filter of a subscription, by its number.
    pub(super) fn filter(&self, number: usize) -> Option<&Filter> {
        self.wanted.get(number).map(|one| &one.filter)
    }

    /// Two filters that can match the same topic, if there are any.
    pub(super) fn overlapping(&self) -> Option<(&Filter, &Filter)> {
        let mut pairs = (1..).zip(&self.wanted);
        pairs.find_map(|(next, one)| {
            let mut others = self.wanted[next..].iter();
            let other = others.find(|other| overlap(&one.filter, &other.filter))?;
            Some((&one.filter, &other.filter))
        })
    }

    /// What to send to a broker: filters and identifiers.
    pub(super) fn begin(
        &mut self,
        can_identify: bool,
    ) -> impl Iterator<Item = (&Filter, Option<u32>)> {
        self.has_identifiers = can_identify && self.do_overlap;
        let has_identifiers = self.has_identifiers;
        self.wanted
            .iter()
            .map(move |one| (&one.filter, has_identifiers.then_some(one.identifier)))
    }

    /// Records whether the broker has refused a subscription: its messages come through others.
    pub(super) fn answered(&mut self, number: usize, is_refused: bool) {
        if let Some(one) = self.wanted.get_mut(number) {
            one.is_refused = is_refused;
        }
    }

    /// What is to be done with a message that has the identifiers of the subscriptions that it is
    /// sent for.
    pub(super) fn verdict(&self, topic: &str, identifiers: &[u32]) -> Verdict {
        let mut matching = self.wanted.iter().filter(|one| one.filter.matches(topic));
        let Some(first) = matching.next() else {
            return Verdict::Unwanted;
        };
        if identifiers.is_empty() || !self.has_identifiers {
            return Verdict::Take;
        }
        let mut granted = std::iter::once(first)
            .chain(matching)
            .filter(|one| !one.is_refused);
        match granted.next() {
            Some(first) if !identifiers.contains(&first.identifier) => Verdict::Repeated,
            _ => Verdict::Take,
        }
    }
}

/// All filters that match a topic. `None` if the topic is too deep.
pub(super) fn filters_matching(topic: &str) -> Option<Vec<String>> {
    let levels: Vec<&str> = topic.split('/').collect();
    if levels.len() > LEVELS_MAX {
        return None;
    }
    // Filters without `#` for the first levels, one level more each time.
    let mut starts = vec![String::new()];
    let mut filters = Vec::new();
    for (index, level) in levels.iter().enumerate() {
        let may_be_any = index > 0 || !level.starts_with('$');
        let separator = if index == 0 { "" } else { "/" };
        if may_be_any {
            filters.extend(starts.iter().map(|start| format!("{start}{separator}#")));
        }
        let names = [*level, "+"].into_iter().take(1 + usize::from(may_be_any));
        starts = names
            .flat_map(|name| {
                starts
                    .iter()
                    .map(move |start| format!("{start}{separator}{name}"))
            })
            .collect();
    }
    // `a/#` matches `a` as well.
    filters.extend(starts.iter().map(|start| format!("{start}/#")));
    filters.extend(starts);
    Some(filters)
}

/// The same filter has the same identifier in each run, so that a kept session's are not mistaken.
fn identifier(filter: &Filter) -> u32 {
    let mut hasher = DefaultHasher::new();
    filter.as_str().hash(&mut hasher);
    (hasher.finish() % IDENTIFIER_MAX) as u32 + 1
}

/// Whether two filters can match the same topic.
fn overlap(one: &Filter, other: &Filter) -> bool {
    let (mut one, mut other) = (one.as_str().split('/'), other.as_str().split('/'));
    let mut is_first = true;
    loop {
        let is_hidden =
            |a: &str, b: &str| is_first && a.starts_with('$') && b.starts_with(['+', '#']);
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if is_hidden(a, b) || is_hidden(b, a) => return false,
            (Some("#"), _) | (_, Some("#")) => return true,
            (Some(a), Some(b)) if a == b || a == "+" || b == "+" => is_first = false,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subscriptions(filters: &[&str]) -> Subscriptions {
        let filters: Vec<_> = filters
            .iter()
            .map(|text| Filter::new(text).unwrap())
            .collect();
        Subscriptions::new(&filters)
    }

    #[track_caller]
    fn check(filters: &[&str], subscribed: &[&str], do_overlap: bool) {
        let subscriptions = subscriptions(filters);
        let wanted: Vec<_> = subscriptions
            .wanted
            .iter()
            .map(|one| one.filter.as_str())
            .collect();
        assert_eq!(wanted, subscribed, "{filters:?}");
        assert_eq!(subscriptions.do_overlap, do_overlap, "{filters:?}");
        assert_eq!(subscriptions.overlapping().is_some(), do_overlap);
    }

    #[test]
    fn a_filter_that_another_includes_is_not_subscribed_to() {
        check(&["ov/#", "ov/a"], &["ov/#"], false);
        check(&["ov/a", "ov/#"], &["ov/#"], false);
        check(&["a", "a", "b"], &["a", "b"], false);
        check(&["#", "$SYS/#"], &["#", "$SYS/#"], false);
        check(&["a/+", "+/b"], &["a/+", "+/b"], true);
        check(&["a/+/#", "a/b"], &["a/+/#"], false);
        check(&["+/x/#", "a/#"], &["+/x/#", "a/#"], true);
        check(&["+/b", "$a/b"], &["+/b", "$a/b"], false);
        check(&["a", "a/#"], &["a/#"], false);
    }

    #[test]
    fn of_two_copies_the_one_for_the_first_granted_filter_counts() {
        let mut both = subscriptions(&["a/+", "+/b"]);
        let sent: Vec<_> = both
            .begin(true)
            .filter_map(|(_, identifier)| identifier)
            .collect();
        let [first, second] = sent[..] else {
            panic!("{sent:?}");
        };
        assert_eq!(both.verdict("a/b", &[first]), Verdict::Take);
        assert_eq!(both.verdict("a/b", &[second]), Verdict::Repeated);
        assert_eq!(both.verdict("a/b", &[second, first]), Verdict::Take);
        assert_eq!(both.verdict("a/b", &[]), Verdict::Take);
        assert_eq!(both.verdict("x/b", &[second]), Verdict::Take);
        assert_eq!(both.verdict("x/y", &[second]), Verdict::Unwanted);
        both.answered(0, true);
        assert_eq!(both.verdict("a/b", &[second]), Verdict::Take);
        // Without identifiers nothing can be told apart.
        assert!(
            both.begin(false)
                .all(|(_, identifier)| identifier.is_none())
        );
        assert_eq!(both.verdict("a/b", &[second]), Verdict::Take);
    }

    fn levels() -> impl Strategy<Value = Vec<String>> {
        let name = prop::sample::select(vec!["a", "b", "", "$x"]);
        prop::collection::vec(name.prop_map(String::from), 1..4)
    }

    proptest! {
        #[test]
        fn all_filters_that_match_a_topic_are_found(levels in levels(), wild in 0u8..16, end in 0usize..6) {
            let topic = levels.join("/");
            prop_assume!(!topic.is_empty());
            let found = filters_matching(&topic).unwrap();
            for filter in &found {
                prop_assert!(Filter::new(filter).unwrap().matches(&topic), "{filter} {topic}");
            }
            let mut filter: Vec<String> = (0..).zip(&levels).map(|(index, level)| {
                if wild & (1 << index) == 0 { level.clone() } else { "+".into() }
            }).collect();
            if end <= filter.len() {
                filter.truncate(end);
                filter.push("#".into());
            }
            let filter = filter.join("/");
            let matches = Filter::new(&filter).is_ok_and(|filter| filter.matches(&topic));
            prop_assert_eq!(found.contains(&filter), matches, "{} {}", filter, topic);
        }

        #[test]
        fn filters_that_match_the_same_topic_overlap(levels in levels(), picks in (any::<usize>(), any::<usize>())) {
            let topic = levels.join("/");
            prop_assume!(!topic.is_empty());
            let found = filters_matching(&topic).unwrap();
            let pick = |index: usize| Filter::new(&found[index % found.len()]).unwrap();
            prop_assert!(overlap(&pick(picks.0), &pick(picks.1)));
        }
    }

    #[test]
    fn a_deep_topic_has_too_many_filters() {
        assert_eq!(filters_matching("1/2/3/4/5/6/7/8").unwrap().len(), 767);
        assert_eq!(filters_matching("1/2/3/4/5/6/7/8/9"), None);
    }
}
