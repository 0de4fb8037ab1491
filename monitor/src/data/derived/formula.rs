//! Formulas: the text is checked and its topics are replaced by short names, then exmex parses it.
//!
//! exmex sees only characters and names that are known to be harmless, so its input is bounded.

use std::sync::Arc;

use exmex::{Express, FlatEx};
use tickcast_protocol::topic::Topic;

use super::{
    error::DerivedError,
    limits::{DEPTH_MAX, SOURCES_MAX, TEXT_MAX_BYTES},
};

/// The names of topics within the text that exmex reads; a number follows.
const VARIABLE: &str = "topic_";

/// The functions and constants that may be used.
const NAMES: [&str; 25] = [
    "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cosh", "exp", "floor", "fract", "ln",
    "log10", "log2", "max", "min", "round", "signum", "sin", "sinh", "sqrt", "tan", "tanh", "PI",
    "E",
];

/// A formula that can be evaluated.
#[derive(Debug, Clone)]
pub(super) struct Formula {
    expression: Arc<FlatEx<f64>>,
    /// The number of the source of each of the expression's variables.
    order: Vec<usize>,
}

/// The text for exmex, and its topics.
struct Prepared {
    text: String,
    topics: Vec<Topic>,
}

/// The topics of a formula, if it can be read.
pub(super) fn topics(text: &str) -> Result<Vec<Topic>, DerivedError> {
    let prepared = prepare(text)?;
    parse(&prepared)?;
    Ok(prepared.topics)
}

impl Formula {
    /// Reads a formula.
    pub(super) fn new(text: &str) -> Result<Self, DerivedError> {
        parse(&prepare(text)?)
    }

    /// Its value; not a number where it has none.
    pub(super) fn value(&self, sources: &[f64]) -> f64 {
        let values: Vec<f64> = self
            .order
            .iter()
            .map(|&source| sources.get(source).copied().unwrap_or(f64::NAN))
            .collect();
        self.expression.eval(&values).unwrap_or(f64::NAN)
    }
}

fn parse(prepared: &Prepared) -> Result<Formula, DerivedError> {
    let unreadable = |error: exmex::ExError| DerivedError::Unreadable(error.msg().to_owned());
    let expression: FlatEx<f64> = exmex::parse(&prepared.text).map_err(unreadable)?;
    let order = expression
        .var_names()
        .iter()
        .map(|name| {
            let number = name.strip_prefix(VARIABLE);
            number
                .and_then(|number| number.parse().ok())
                .ok_or_else(|| DerivedError::UnknownName(name.clone()))
        })
        .collect::<Result<Vec<usize>, _>>()?;
    // It would fail with the first value otherwise.
    let ones = vec![1.0; order.len()];
    expression.eval(&ones).map_err(unreadable)?;
    Ok(Formula {
        expression: Arc::new(expression),
        order,
    })
}

fn prepare(text: &str) -> Result<Prepared, DerivedError> {
    if text.trim().is_empty() {
        return Err(DerivedError::NoFormula);
    }
    if text.len() > TEXT_MAX_BYTES {
        return Err(DerivedError::TooLong(text.len()));
    }
    let mut prepared = Prepared {
        text: String::with_capacity(text.len()),
        topics: Vec::new(),
    };
    let (mut rest, mut depth) = (text, 0usize);
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '{' => topic(rest, &mut prepared)?,
            '}' => return Err(DerivedError::Braces),
            'a'..='z' | 'A'..='Z' | '_' => name(rest, &mut prepared)?,
            '0'..='9' | '.' => number(rest, &mut prepared)?,
            '+' | '-' | '*' | '/' | '^' | ',' => {
                prepared.text.push(first);
                1
            }
            '(' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(DerivedError::TooDeep);
                }
                prepared.text.push('(');
                1
            }
            ')' => {
                depth = depth.saturating_sub(1);
                prepared.text.push(')');
                1
            }
            space if space.is_whitespace() => {
                prepared.text.push(' ');
                space.len_utf8()
            }
            other => return Err(DerivedError::Character(other)),
        };
        rest = &rest[len..];
    }
    if prepared.topics.is_empty() {
        return Err(DerivedError::NoSource);
    }
    Ok(prepared)
}

/// Reads a topic in braces. Returns the length of its text.
fn topic(rest: &str, prepared: &mut Prepared) -> Result<usize, DerivedError> {
    let end = rest.find('}').ok_or(DerivedError::Braces)?;
    let name = rest[1..end].trim();
    let topic = Topic::new(name).map_err(|why| DerivedError::NoTopic {
        name: name.to_owned(),
        why,
    })?;
    let known = prepared.topics.iter().position(|known| *known == topic);
    let number = known.unwrap_or(prepared.topics.len());
    if number >= SOURCES_MAX {
        return Err(DerivedError::TooManySources);
    }
    if known.is_none() {
        prepared.topics.push(topic);
    }
    prepared.text.push_str(&format!("{VARIABLE}{number}"));
    Ok(end + 1)
}

/// Reads the name of a function or of a constant. Returns its length.
fn name(rest: &str, prepared: &mut Prepared) -> Result<usize, DerivedError> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    let name = &rest[..end];
    if !NAMES.contains(&name) {
        return Err(DerivedError::UnknownName(name.to_owned()));
    }
    prepared.text.push_str(name);
    Ok(end)
}

/// Reads a number, also one with a power of ten, and writes it out. Returns its length.
fn number(rest: &str, prepared: &mut Prepared) -> Result<usize, DerivedError> {
    let bytes = rest.as_bytes();
    let digits = |from: usize| {
        let all = bytes[from..].iter();
        from + all
            .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
            .count()
    };
    let mut end = digits(0);
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let power = digits(end + 1 + sign);
        if power > end + 1 + sign {
            end = power;
        }
    }
    let text = &rest[..end];
    let number: f64 = text
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| DerivedError::Unreadable(format!("{text:?} is not a number")))?;
    prepared.text.push_str(&format!("{number}"));
    Ok(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, sources: &[f64], expected: f64) {
        let value = Formula::new(text).unwrap().value(sources);
        let is_same = (value - expected).abs() <= 1e-12 * expected.abs().max(1.0);
        assert!(is_same, "{text}: {value}, not {expected}");
    }

    #[test]
    fn formulas_have_the_usual_meaning() {
        check("{a} - {b}", &[5.0, 3.0], 2.0);
        check("{a}-{b}*{a}", &[5.0, 3.0], -10.0);
        check("({x/y z} + 1.5e3) / 2", &[10.0], 755.0);
        check("max({a}, {b}) ^ 2", &[3.0, 4.0], 16.0);
        check("sqrt(abs(-{a}))", &[16.0], 4.0);
        check("{b} / {a}", &[1.0, 4.0], 0.25);
        check("2 * PI * {r}", &[0.5], std::f64::consts::PI);
        check("100 * ln({a} / {b})", &[1.0, 1.0], 0.0);
        check("{k} {j} "[..4].trim(), &[7.0], 7.0);
        let many = "{j}+2*{i}+3*{h}+4*{g}+5*{f}+6*{e}+7*{d}+8*{c}";
        check(many, &[1.0; 8], 36.0);
        check(many, &[0., 0., 0., 0., 0., 0., 0., 1.], 8.0);
        assert!(
            Formula::new("{a} / {b}")
                .unwrap()
                .value(&[1.0, 0.0])
                .is_infinite()
        );
    }

    #[test]
    fn what_cannot_be_read_is_said_in_words() {
        let why = |text: &str| Formula::new(text).unwrap_err();
        assert_eq!(why("  "), DerivedError::NoFormula);
        assert_eq!(why("1 + 2"), DerivedError::NoSource);
        assert_eq!(
            why("{a} + foo"),
            DerivedError::UnknownName("foo".to_owned())
        );
        assert_eq!(
            why("{a} + topic_0"),
            DerivedError::UnknownName("topic_0".to_owned())
        );
        assert_eq!(why("{a} × 2"), DerivedError::Character('×'));
        assert_eq!(why("{a"), DerivedError::Braces);
        assert_eq!(why("{a}}"), DerivedError::Braces);
        assert!(matches!(why("{a/#}"), DerivedError::NoTopic { .. }));
        assert!(matches!(why("{a} +"), DerivedError::Unreadable(_)));
        assert!(matches!(why("({a}"), DerivedError::Unreadable(_)));
        assert!(matches!(why("{a} 1.2.3"), DerivedError::Unreadable(_)));
        assert_eq!(why(&"{a}+".repeat(300)), DerivedError::TooLong(1200));
        let deep = format!("{}{{a}}{}", "(".repeat(33), ")".repeat(33));
        assert_eq!(why(&deep), DerivedError::TooDeep);
        let many: Vec<String> = (0..9).map(|n| format!("{{t{n}}}")).collect();
        assert_eq!(why(&many.join("+")), DerivedError::TooManySources);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_program_panic(
            parts in prop::collection::vec(
                prop_oneof![
                    Just("{a}".to_owned()), Just("{b/c}".to_owned()), Just("(".to_owned()),
                    Just(")".to_owned()), Just("-".to_owned()), Just("+".to_owned()),
                    Just("*".to_owned()), Just("^".to_owned()), Just(",".to_owned()),
                    Just("1e999".to_owned()), Just(".".to_owned()), Just("2.5".to_owned()),
                    Just("atan2".to_owned()), Just("min".to_owned()), Just("sqrt".to_owned()),
                    Just("PI".to_owned()), Just(" ".to_owned()), Just("/".to_owned()), ".{0,3}",
                ],
                0..24,
            ),
            values in prop::array::uniform2(prop::num::f64::ANY),
        ) {
            if let Ok(formula) = Formula::new(&parts.concat()) {
                formula.value(&values);
                formula.value(&[]);
            }
        }
    }
}
