//! How topics are put into groups.

use std::collections::{HashMap, HashSet};

/// With more topics than this per second level (on average) that level is a group of its own:
/// `plant/line-1` has five sensors, `market/EUR-USD` has a quote and a trade.
const SPLIT_ABOVE: usize = 2;

/// For each topic the length of the part of its name that names its group, without the slash; 0 if
/// it has none.
pub fn grouping<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<usize> {
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
    fn groups_are_as_deep_as_they_are_worth() {
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
