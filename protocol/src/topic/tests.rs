use super::*;

#[track_caller]
fn check(filter: &str, topic: &str, expected: bool) {
    let filter = Filter::new(filter).unwrap();
    Topic::new(topic).unwrap();
    assert_eq!(filter.matches(topic), expected, "{filter} on {topic}");
}

#[test]
fn filters_match_as_in_the_examples_of_the_mqtt_specification() {
    // MQTT 5.0, 4.7.1.2, 4.7.1.3 and 4.7.2
    check("sport/tennis/player1/#", "sport/tennis/player1", true);
    check(
        "sport/tennis/player1/#",
        "sport/tennis/player1/ranking",
        true,
    );
    check(
        "sport/tennis/player1/#",
        "sport/tennis/player1/score/wimbledon",
        true,
    );
    check("sport/#", "sport", true);
    check("#", "sport/tennis", true);
    check("sport/tennis/+", "sport/tennis/player1", true);
    check("sport/tennis/+", "sport/tennis/player1/ranking", false);
    check("sport/+", "sport", false);
    check("sport/+", "sport/", true);
    check("+/+", "/finance", true);
    check("/+", "/finance", true);
    check("+", "/finance", false);
    check("#", "$SYS/broker", false);
    check("+/monitor/Clients", "$SYS/monitor/Clients", false);
    check("$SYS/#", "$SYS/broker", true);
    check("$SYS/monitor/+", "$SYS/monitor/Clients", true);
    check("+/tennis/#", "sport/tennis/x", true);
    check("sport", "sport/tennis", false);
    check("sport/tennis", "sport", false);
}

#[test]
fn a_filter_includes_filters_that_select_a_part_of_its_topics() {
    for (wide, narrow, expected) in [
        ("#", "a/+/#", true),
        ("#", "$SYS/#", false),
        ("a/#", "a", true),
        ("a/#", "a/b/+", true),
        ("a/+", "a/b", true),
        ("a/+", "a/+", true),
        ("a/+", "a/#", false),
        ("a/b", "a/+", false),
        ("a/+/c", "a/+/c", true),
        ("a", "a/#", false),
    ] {
        let filter = |text| Filter::new(text).unwrap();
        assert_eq!(
            filter(wide).includes(&filter(narrow)),
            expected,
            "{wide} {narrow}"
        );
    }
}

#[test]
fn bad_names_and_filters_are_refused_with_reason_and_place() {
    assert_eq!(Topic::new("").unwrap_err(), TopicError::Empty);
    assert_eq!(
        Topic::new("a/+").unwrap_err(),
        TopicError::WildcardInName(2)
    );
    assert_eq!(
        Topic::new("a\0b").unwrap_err(),
        TopicError::ControlCharacter(1)
    );
    assert_eq!(
        Topic::new(&"x".repeat(257)).unwrap_err(),
        TopicError::TooLong(257)
    );
    assert_eq!(
        Filter::new("a/b+/c").unwrap_err(),
        TopicError::PlusNotAlone(3)
    );
    assert_eq!(
        Filter::new("a/#/c").unwrap_err(),
        TopicError::HashNotLast(2)
    );
    assert_eq!(Filter::new("a/b#").unwrap_err(), TopicError::HashNotLast(3));
    assert_eq!(Filter::new("#/").unwrap_err(), TopicError::HashNotLast(0));
    assert!(Filter::new(&"é".repeat(128)).is_ok());
}
