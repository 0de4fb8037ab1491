//! The order of names as people expect it: `floor-2` before `floor-10`.

/// A name in a form whose bytes have the natural order: levels first, then runs of digits by their
/// number. Two different names have two different keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NaturalKey(Box<[u8]>);

/// Longer runs of digits are compared in pieces: a piece's length has to fit in a byte.
const DIGITS_MAX: usize = 100;

impl NaturalKey {
    /// The key of a name.
    pub(crate) fn of(name: &str) -> Self {
        let bytes = name.as_bytes();
        let mut key = Vec::with_capacity(2 * bytes.len() + 8);
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if byte.is_ascii_digit() {
                let rest = bytes[at..].iter();
                let run = rest.take_while(|byte| byte.is_ascii_digit()).count();
                let run = run.min(DIGITS_MAX);
                let digits = &bytes[at..at + run];
                let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
                let number = &digits[zeros..];
                // A digit stands for numbers among other characters; the length decides next.
                key.push(b'0');
                key.push(number.len() as u8);
                key.extend_from_slice(number);
                at += run;
            } else {
                // The end of a level comes before everything that a longer level may have.
                key.push(if byte == b'/' { 1 } else { byte });
                at += 1;
            }
        }
        // `07` and `7` are the same number, and different names.
        key.push(0);
        key.extend_from_slice(bytes);
        Self(key.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sorted: &[&str]) {
        let mut names = sorted.to_vec();
        names.reverse();
        names.sort_by_cached_key(|name| NaturalKey::of(name));
        assert_eq!(names, sorted);
    }

    #[test]
    fn numbers_in_names_are_ordered_by_their_value() {
        check(&["floor-1", "floor-2", "floor-10", "floor-10a", "floor-11"]);
        check(&["a", "a01", "a1", "a2", "aa", "b"]);
        check(&["line/1/x", "line/2/a", "line/10/b"]);
        check(&["9", "10", "a9b1", "a9b10", "a10b1"]);
        let long = "1".repeat(250);
        check(&["1", &long, &format!("{long}1")]);
    }

    #[test]
    fn a_level_and_what_is_below_it_stay_together() {
        check(&["a", "a/1", "a/b", "a-b", "a-b/1", "ab"]);
    }

    #[test]
    fn names_in_any_script_have_different_keys() {
        let names = ["é", "e\u{301}", "温度-2", "温度-10", "", "0", "00"];
        for (at, name) in names.iter().enumerate() {
            for other in &names[..at] {
                assert_ne!(NaturalKey::of(name), NaturalKey::of(other));
            }
        }
    }
}
