//! Value templates of Home Assistant: which part of a payload they show.
//!
//! Most are one expression (`{{ value_json.temperature }}`). A template that computes something
//! shows no part as it is, so it tells nothing about one.

use super::super::path::push_name;

/// Filters that leave a number what it is. A unit holds for the number before them as well.
const FILTERS: [&str; 6] = ["round", "float", "int", "default", "is_defined", "string"];

/// Levels of a path, at most: `auto` splits no further.
const LEVELS_MAX: usize = 8;

/// The part of a payload that a template shows.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    /// The whole payload.
    Whole,
    /// The member at this path.
    At(String),
}

/// Reads a template. Returns `None` if it is more than one part.
pub(super) fn read(template: &str) -> Option<Part> {
    let inner = template.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    // Jinja's marks that remove spaces.
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner).trim();
    let (expression, filters) = match inner.split_once('|') {
        Some((expression, filters)) => (expression.trim(), Some(filters)),
        None => (inner, None),
    };
    if !filters.is_none_or(|filters| filters.split('|').all(is_harmless)) {
        return None;
    }
    if expression == "value" {
        return Some(Part::Whole);
    }
    path(expression.strip_prefix("value_json")?).map(Part::At)
}

/// Whether a filter is one of [`FILTERS`], with or without simple arguments.
fn is_harmless(filter: &str) -> bool {
    let (name, arguments) = match filter.trim().split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')')),
        None => (filter.trim(), Some("")),
    };
    let is_simple = arguments.is_some_and(|arguments| !arguments.contains(['(', '{']));
    is_simple && FILTERS.contains(&name.trim())
}

/// The path of `.a['b'][0]`.
fn path(mut rest: &str) -> Option<String> {
    let mut path = String::new();
    for _ in 0..LEVELS_MAX {
        let name;
        (name, rest) = if let Some(after) = rest.strip_prefix('.') {
            let is_name = |c: char| c.is_alphanumeric() || c == '_';
            let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
            after.split_at(end)
        } else {
            let (inside, after) = subscript(rest.strip_prefix('[')?.trim_start())?;
            (inside, after.trim_start().strip_prefix(']')?)
        };
        if name.is_empty() {
            return None;
        }
        push_name(&mut path, name);
        if rest.is_empty() {
            return Some(path);
        }
    }
    None
}

/// A name in quotes or an index, and what follows it.
fn subscript(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next()?;
    if quote == '\'' || quote == '"' {
        let (name, after) = text[1..].split_once(quote)?;
        return (!name.contains('\\')).then_some((name, after));
    }
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    Some(text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(template: &str, expected: Option<&str>) {
        let found = match read(template) {
            Some(Part::Whole) => Some("(whole)".to_owned()),
            Some(Part::At(path)) => Some(path.replace('\0', "/")),
            None => None,
        };
        assert_eq!(found.as_deref(), expected, "{template}");
    }

    #[test]
    fn a_template_of_one_expression_shows_one_part() {
        check("{{ value_json.temperature }}", Some("temperature"));
        check("{{value_json.ENERGY.Power}}", Some("ENERGY/Power"));
        check("{{ value_json['a'].b }}", Some("a/b"));
        check(r#"{{ value_json["a b"][ 'c' ] }}"#, Some("a b/c"));
        check("{{ value_json.list[0].x }}", Some("list/0/x"));
        check("{{ value_json.t | float | round(1) }}", Some("t"));
        check("{{- value_json.t | default('', true) -}}", Some("t"));
        check("{{ value }}", Some("(whole)"));
        check("{{ value | float }}", Some("(whole)"));
    }

    #[test]
    fn a_template_that_computes_tells_nothing() {
        check("{{ value_json.t / 10 }}", None);
        check("{{ value_json.t | multiply(0.1) }}", None);
        check("{{ value_json.t | round(value_json.digits(1)) }}", None);
        check("{% if value_json.t %}1{% endif %}", None);
        check("{{ value_json.a }}{{ value_json.b }}", None);
        check("{{ value_json }}", None);
        check("{{ value_json. }}", None);
        check("{{ value_json['a }}", None);
        check("{{ value_json[a] }}", None);
        check("{{ 5 }}", None);
        check("", None);
    }
}
