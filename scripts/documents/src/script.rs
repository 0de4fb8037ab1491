//! The commands of a shell block.

use std::sync::LazyLock;

use regex::Regex;

/// What begins a server: its program, or an example that has one inside.
static SERVER: LazyLock<Regex> = LazyLock::new(|| {
    let expression = r"(^|\| *)(tickcast-server\b|\S*/examples/embedded\b)";
    Regex::new(expression).expect("the expression is right")
});

/// Parts of commands of the server's program that answer and end.
const QUESTIONS: [&str; 4] = [
    "--check",
    "--print-config",
    "--try-decode",
    "tickcast-server config",
];

/// Whether a command starts a server, which goes on until it is stopped.
pub fn starts_server(command: &str) -> bool {
    SERVER.is_match(command) && !QUESTIONS.iter().any(|part| command.contains(part))
}

/// The commands, one after the other, without comments. A line that ends with a backslash goes on,
/// and so does a text in quotes. In a console block only what follows `$ ` is a command.
pub fn commands(language: &str, text: &str) -> Vec<String> {
    let is_console = language == "console";
    let mut commands = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let line = match (is_console, line.strip_prefix("$ ")) {
            (true, Some(line)) => line,
            (true, None) if open.is_empty() => continue,
            _ => line,
        };
        open.push_str(line);
        if open.ends_with('\\') {
            open.pop();
            continue;
        }
        if is_quoted(&open) {
            open.push('\n');
            continue;
        }
        let command = without_comment(&open).trim().to_owned();
        if !command.is_empty() {
            commands.push(command);
        }
        open.clear();
    }
    commands
}

/// Whether a text in single quotes is not closed.
fn is_quoted(command: &str) -> bool {
    !command.matches('\'').count().is_multiple_of(2)
}

/// A comment begins with `#` after a space, outside of quotes.
fn without_comment(command: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in command.char_indices() {
        match quote {
            None if c == '#' && before.is_whitespace() => return &command[..at],
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        before = c;
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(language: &str, text: &str, expected: &[&str]) {
        assert_eq!(commands(language, text), expected);
    }

    #[test]
    fn a_server_goes_on_and_a_question_ends() {
        for command in ["tickcast-server", "echo a | tickcast-server --feed stdin"] {
            assert!(starts_server(command), "{command}");
        }
        for command in [
            "tickcast-server --check",
            "tickcast pub a 1",
            "ls tickcast-server",
        ] {
            assert!(!starts_server(command), "{command}");
        }
    }

    #[test]
    fn each_line_is_a_command_unless_it_goes_on() {
        check("sh", "a\n\nb  # c\n# d\n", &["a", "b"]);
        check("sh", "a \\\n  b\nc", &["a   b", "c"]);
        check("sh", "a 'b\nc'\nd '#'", &["a 'b\nc'", "d '#'"]);
        check("sh", "curl 'x/%23#y'", &["curl 'x/%23#y'"]);
        check("console", "$ a\nshown\n$ b \\\n  c\n", &["a", "b   c"]);
    }
}
