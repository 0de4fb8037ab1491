//! What the program says: on standard error, and safe for a terminal.

use std::{
    borrow::Cow,
    io::{Write, stderr},
};

/// Says a sentence on standard error.
pub(crate) fn say(text: &str) {
    // If this write fails, there is no other way to tell.
    let _ = writeln!(stderr(), "tickcast: {}", shown(text));
}

/// A text for a terminal: what could move its cursor, colour it or turn the direction of writing is
/// escaped. Topics and values come from other machines.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_unsafe(letter) {
            true => safe.extend(letter.escape_default()),
            false => safe.push(letter),
        }
    }
    safe.into()
}

/// Controls, and the marks of the bidirectional algorithm (UAX 9, section 2).
fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A number and the word for it, in the plural where it is not one: `3 updates`.
pub(crate) fn count(number: u64, word: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {word}{end}", grouped(number))
}

/// A number with commas between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_command_a_terminal_is_escaped() {
        assert_eq!(shown("plant/Öl 21 °C"), "plant/Öl 21 °C");
        assert_eq!(shown("a\u{1b}[2Jb\n\u{202e}"), "a\\u{1b}[2Jb\\n\\u{202e}");
    }

    #[test]
    fn numbers_are_read_with_their_word() {
        assert_eq!(count(1, "update"), "1 update");
        assert_eq!(count(0, "update"), "0 updates");
        assert_eq!(count(1_234_567, "gap"), "1,234,567 gaps");
        assert_eq!(count(123, "gap"), "123 gaps");
    }
}
