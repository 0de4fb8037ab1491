//! The difference of two texts, line by line.

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DifferenceLine {
    /// In both texts.
    Same(String),
    /// Only in the earlier text.
    Removed(String),
    /// Only in the later text.
    Added(String),
}

/// Between the first and the last line that differ, at most this many lines are compared each with
/// each; of larger texts all of them count as replaced.
const COMPARED_MAX: usize = 600;

/// The lines of two texts, with those that are only in one of them. Lines in common keep their
/// order; there are as many of them as possible.
pub(crate) fn difference(before: &str, after: &str) -> Vec<DifferenceLine> {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = before.iter().zip(&after).take_while(same).count();
    let tails = before[head..].iter().rev().zip(after[head..].iter().rev());
    let tail = tails.take_while(same).count();
    let old = &before[head..before.len() - tail];
    let new = &after[head..after.len() - tail];
    let line = |text: &&str| (*text).to_owned();
    let mut lines: Vec<_> = before[..head]
        .iter()
        .map(|text| DifferenceLine::Same(line(text)))
        .collect();
    if old.len() > COMPARED_MAX || new.len() > COMPARED_MAX {
        lines.extend(old.iter().map(|text| DifferenceLine::Removed(line(text))));
        lines.extend(new.iter().map(|text| DifferenceLine::Added(line(text))));
    } else {
        compare(old, new, &mut lines);
    }
    let tail = &before[before.len() - tail..];
    lines.extend(tail.iter().map(|text| DifferenceLine::Same(line(text))));
    lines
}

/// The longest common subsequence, by the lengths of those of all ends (Wagner and Fischer, 1974).
fn compare(old: &[&str], new: &[&str], lines: &mut Vec<DifferenceLine>) {
    let width = new.len() + 1;
    let mut lengths = vec![0u16; (old.len() + 1) * width];
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            lengths[i * width + j] = if a == b {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        let both = i < old.len() && j < new.len();
        if both && old[i] == new[j] {
            lines.push(DifferenceLine::Same(old[i].to_owned()));
            i += 1;
            j += 1;
        } else if j == new.len()
            || (both && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])
        {
            lines.push(DifferenceLine::Removed(old[i].to_owned()));
            i += 1;
        } else {
            lines.push(DifferenceLine::Added(new[j].to_owned()));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(before: &str, after: &str) -> Vec<String> {
        let lines = difference(before, after).into_iter();
        let words = lines.map(|line| match line {
            DifferenceLine::Same(text) => format!(" {text}"),
            DifferenceLine::Removed(text) => format!("-{text}"),
            DifferenceLine::Added(text) => format!("+{text}"),
        });
        words.collect()
    }

    #[test]
    fn only_lines_that_differ_are_removed_and_added() {
        let expected = [" a", "-b", "+B", " c", "+d", " e"];
        assert_eq!(words("a\nb\nc\ne", "a\nB\nc\nd\ne"), expected);
        assert_eq!(words("a", "a"), [" a"]);
        assert_eq!(words("", "a"), ["+a"]);
        assert_eq!(words("a\nb", ""), ["-a", "-b"]);
    }

    #[test]
    fn very_long_texts_are_compared_at_their_ends() {
        let text = |middle: &str| {
            let middle: Vec<String> = (0..2_000).map(|at| format!("{middle}{at}")).collect();
            format!("first\n{}\nlast", middle.join("\n"))
        };
        let lines = words(&text("a"), &text("b"));
        assert_eq!(lines.len(), 4_002);
        assert_eq!((&*lines[0], &*lines[4_001]), (" first", " last"));
    }
}
