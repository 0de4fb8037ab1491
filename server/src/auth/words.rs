//! What is wrong with a file that serde reads, in plain words.

/// The words for an error of serde. They name a key where the error does; other errors remain as
/// they are.
pub(super) fn in_words(error: &str) -> String {
    let typed = ["invalid type: ", "invalid value: "];
    if let Some(rest) = typed.iter().find_map(|begin| error.strip_prefix(begin))
        && let Some((given, wanted)) = rest.split_once(", expected ")
    {
        return format!("it is {}: it must be {}", shown(given), must_be(wanted));
    }
    if let Some(rest) = error.strip_prefix("missing field ") {
        return format!("{} is missing", rest.trim_matches('`'));
    }
    if let Some((name, known)) = error
        .strip_prefix("unknown field ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        let known = known.strip_prefix("one of ").unwrap_or(known);
        let (name, known) = (name.trim_matches('`'), known.replace('`', ""));
        return format!("{name}: there is no such key; use {known}");
    }
    error.to_owned()
}

/// What is there: a value in the words of serde.
fn shown(given: &str) -> &str {
    let quoted = given
        .split_once('`')
        .map(|(_, rest)| rest.trim_end_matches('`'));
    match given {
        "sequence" => "a list",
        "map" => "a table",
        _ => quoted.or(given.strip_prefix("string ")).unwrap_or(given),
    }
}

/// What must be there. A name of a type of Rust is none that an operator knows.
fn must_be(wanted: &str) -> &str {
    match wanted {
        "a sequence" => "a list",
        "a map" => "a table",
        "a boolean" => "true or false",
        "a string" | "path string" => "a text in quotes",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "f64" => "a number",
        "a TOML datetime" => "a date and a time without quotes, such as 2027-01-01T00:00:00Z",
        wanted if wanted.starts_with("struct ") => "a table",
        wanted => wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_serde_is_told_without_the_words_of_rust() {
        for (error, expected) in [
            (
                "invalid type: string \"#\", expected a sequence",
                "it is \"#\": it must be a list",
            ),
            (
                "invalid type: integer `1`, expected struct RoleTable",
                "it is 1: it must be a table",
            ),
            (
                "invalid type: sequence, expected a map",
                "it is a list: it must be a table",
            ),
            (
                "invalid value: integer `-1`, expected u64",
                "it is -1: it must be a whole number, 0 or more",
            ),
            ("missing field `audience`", "audience is missing"),
            (
                "unknown field `subscrib`, expected one of `subscribe`, `history`",
                "subscrib: there is no such key; use subscribe, history",
            ),
            (
                "unknown field `always`, expected `always_token`",
                "always: there is no such key; use always_token",
            ),
            ("duplicate key", "duplicate key"),
        ] {
            assert_eq!(in_words(error), expected);
        }
    }
}
