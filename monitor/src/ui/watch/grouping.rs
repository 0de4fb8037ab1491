//! The groups of topics.

use std::collections::{HashMap, HashSet};

/// If there are more topics than this per second level (on average), each second level is a group:
/// `plant/line-1` has five sensors, `market/EUR-USD` has a quote and a trade.
const SPLIT_ABOVE: usize = 2;

/// Returns for each topic the length of its group's name without the slash; 0 if it has no group.
pub(crate) fn grouping<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<usize> {
    let mut seconds: HashMap<&str, (usize, HashSet<&str>)> = HashMap::new();
    for name in names.clone() {
        let mut levels = name.splitn(3, '/');
        if let (Some(first), Some(second), Some(_)) = (levels.next(), levels.next(), levels.next())
        {
            let entry = seconds.entry(first).or_default();
            entry.0 += 1;
            entry.1.insert(second);
        }
    }
    names
        .map(|name| {
            let Some(first) = name.find('/') else {
                return 0;
            };
            let is_split = seconds
                .get(&name[..first])
                .is_some_and(|(topics, levels)| *topics > SPLIT_ABOVE * levels.len());
            match name[first + 1..].find('/') {
                Some(second) if is_split => first + 1 + second,
                _ => first,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], expected: &[&str]) {
        let groups = grouping(names.iter().copied());
        let groups: Vec<&str> = names
            .iter()
            .zip(groups)
            .map(|(name, end)| &name[..end])
            .collect();
        assert_eq!(groups, expected);
    }

    #[test]
    fn groups_are_as_deep_as_is_useful() {
        check(
            &["market/A/trade", "market/A/quote", "market/B/trade"],
            &["market", "market", "market"],
        );
        check(
            &[
                "plant/1/t",
                "plant/1/p",
                "plant/1/v",
                "plant/2/t",
                "plant/2/p",
            ],
            &["plant/1", "plant/1", "plant/1", "plant/2", "plant/2"],
        );
        check(&["clock", "a/b"], &["", "a"]);
    }
}
