use proptest::prelude::*;

use super::super::query::{filter, split, text};

fn filtered(encoded: &str) -> Result<String, String> {
    filter(encoded).map(|filter| filter.as_str().to_owned())
}

#[test]
fn a_level_that_is_just_a_plus_is_the_wildcard_escaped_or_not() {
    let check = |encoded: &str, expected: &str| {
        assert_eq!(filtered(encoded), Ok(expected.to_owned()), "{encoded}");
    };
    check("market/+/trade", "market/+/trade");
    check("market/%2B/trade", "market/+/trade");
    check("market%2F+%2ftrade", "market/+/trade");
    check("+", "+");
    check("+/+", "+/+");
    check("+/%23", "+/#");
    check("%23", "#");
    check("market/%23", "market/#");
    check("room+1/temp", "room 1/temp");
    check("room%201/temp", "room 1/temp");
    check("a/%20/b", "a/ /b");
    check("gr%C3%BC%C3%9F", "grüß");
    check("grüß", "grüß");
    check("/a", "/a");
}

#[test]
fn a_filter_that_lost_its_hash_or_has_a_stray_plus_is_told_the_right_spelling() {
    for (encoded, expected) in [
        ("", "write # as %23"),
        ("market/", "write # as %23"),
        ("/", "write # as %23"),
        ("market/+trade", "write %2B"),
        ("market+/trade", "write %2B"),
        ("++", "write %2B"),
        ("%ff", "not UTF-8"),
        ("a/%C3/b", "not UTF-8"),
        ("%zz", "write % as %25"),
        ("100%", "write % as %25"),
        ("a%2", "write % as %25"),
        ("%é", "write % as %25"),
        ("a%23", "'#'"),
        ("a/%23/b", "'#'"),
        ("a%2Bb", "'+'"),
        ("a%00b", "filter"),
    ] {
        let error = filtered(encoded).unwrap_err();
        assert!(error.contains(expected), "{encoded}: {error}");
        assert!(error.starts_with("filter "), "{encoded}: {error}");
    }
}

#[test]
fn parameters_are_found_by_name_and_unknown_or_repeated_ones_are_named() {
    let names = ["filter", "mode"];
    assert_eq!(split("", names), Ok([None, None]));
    assert_eq!(split("&&", names), Ok([None, None]));
    assert_eq!(
        split("mode=every&filter=a%2Fb=", names),
        Ok([Some("a%2Fb="), Some("every")])
    );
    assert_eq!(split("f%69lter=a", names), Ok([Some("a"), None]));
    assert_eq!(split("filter", names), Ok([Some(""), None]));
    for (query, expected) in [
        ("fitler=a", "unknown parameter \"fitler\": use filter, mode"),
        ("Filter=a", "unknown parameter \"Filter\""),
        ("=a", "unknown parameter \"\""),
        ("filter=a&x", "unknown parameter \"x\""),
        ("filter=a&filter=a", "\"filter\" is there twice"),
        ("mode=&f%69lter=&filter=", "\"filter\" is there twice"),
        ("%ff=a", "not UTF-8"),
        ("%=a", "write % as %25"),
    ] {
        let error = split(query, names).unwrap_err();
        assert!(error.contains(expected), "{query}: {error}");
    }
    let long = "é".repeat(5_000);
    assert!(split(&long, names).unwrap_err().len() < 400);
    assert!(filtered(&format!("{long}+/")).unwrap_err().len() < 400);
    assert!(filtered(&format!("{long}/")).unwrap_err().len() < 400);
}

proptest! {
    /// What a form sends for a filter is read as that filter, unless a space stands where a lost
    /// wildcard would.
    #[test]
    fn a_filter_is_read_as_a_form_encodes_it(
        levels in proptest::collection::vec("[a-z]([a-z é/&=%;]{0,6}[a-z])?", 1..4),
        wildcards in proptest::collection::vec(any::<bool>(), 4),
        is_all: bool,
    ) {
        let mut levels = levels;
        for (level, is_wildcard) in levels.iter_mut().zip(wildcards) {
            if is_wildcard {
                "+".clone_into(level);
            }
        }
        if is_all {
            levels.push("#".to_owned());
        }
        let expected = levels.join("/");
        let form: String = form_urlencoded::byte_serialize(expected.as_bytes()).collect();
        let percent = percent_encoding::utf8_percent_encode(
            &expected,
            percent_encoding::NON_ALPHANUMERIC,
        );
        // A form has spaces at the ends of levels as a stray + would be.
        prop_assume!(levels.iter().all(|level| level.split('/').all(|part| part.trim() == part)));
        prop_assert_eq!(filtered(&form), Ok(expected.clone()));
        prop_assert_eq!(filtered(&percent.to_string()), Ok(expected));
    }

    #[test]
    fn any_query_is_read_or_refused(query in "[ -~é]{0,60}") {
        let _ = split(&query, ["filter", "mode"]);
        let _ = (text(&query), filter(&query));
    }

    #[test]
    fn no_parameter_is_lost(names in proptest::collection::vec("[a-c]", 0..4)) {
        let query = names.iter().map(|name| format!("{name}=1")).collect::<Vec<_>>().join("&");
        let mut once = names.clone();
        once.sort();
        once.dedup();
        let result = split(&query, ["a", "b", "c"]);
        prop_assert_eq!(result.is_ok(), once.len() == names.len());
        if let Ok(values) = result {
            let found = values.iter().flatten().count();
            prop_assert_eq!(found, names.len());
        }
    }
}
