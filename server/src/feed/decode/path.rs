//! The path of a part of a payload, and the topic that it becomes.

/// Separates the names of a path. It cannot be part of a topic, so no name is taken for two.
pub(super) const SEPARATOR: char = '\0';

/// The topic of the part at a path: `base`, a slash and the path as levels.
pub(super) fn part_topic(base: &str, path: &str) -> String {
    let levels: String = path.chars().map(level_char).collect();
    format!("{base}/{levels}")
}

/// A character of a path as one of a topic.
fn level_char(character: char) -> char {
    match character {
        SEPARATOR => '/',
        '/' | '+' | '#' => '_',
        control if control.is_control() => '_',
        other => other,
    }
}

/// Whether a name has to be changed to be a level of a topic.
pub(super) fn is_changed(name: &str) -> bool {
    name.is_empty() || name.chars().any(|c| c == SEPARATOR || level_char(c) != c)
}

/// Appends a name to a path.
pub(super) fn push_name(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push(SEPARATOR);
    }
    match name.is_empty() {
        true => path.push('_'),
        false => path.extend(name.chars().map(|c| if c == SEPARATOR { '_' } else { c })),
    }
}
