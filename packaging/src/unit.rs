//! Unit files of systemd, as far as ours use them: systemd.syntax(7).

/// Why a text is no unit file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum UnitError {
    /// A line that is neither a section, a comment nor an assignment.
    #[error("line {line}: expected [Section], Key=value or a comment, found {text:?}")]
    Line {
        /// Its number, from 1 on.
        line: usize,
        /// The line.
        text: String,
    },
    /// A quote without its end.
    #[error("{0:?}: a quote is not closed")]
    Quote(String),
}

/// A unit file.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// Section, key and value of each assignment.
    assignments: Vec<(String, String, String)>,
}

impl Unit {
    /// Reads the text of a unit file.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let mut section = String::new();
        let mut assignments = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let name = line.strip_prefix('[');
            if let Some(name) = name.and_then(|name| name.strip_suffix(']')) {
                section = name.to_owned();
            } else if let Some((key, value)) = line.split_once('=')
                && !section.is_empty()
            {
                let [key, value] = [key, value].map(|part| part.trim().to_owned());
                assignments.push((section.clone(), key, value));
            } else {
                let text = line.to_owned();
                return Err(UnitError::Line { line: at + 1, text });
            }
        }
        Ok(Self { assignments })
    }

    /// The values of a key, in their order. An empty value removes those before it.
    pub fn values(&self, section: &str, key: &str) -> Vec<&str> {
        let mut values = Vec::new();
        for (of, name, value) in &self.assignments {
            match (of == section && name == key, value.as_str()) {
                (true, "") => values.clear(),
                (true, value) => values.push(value),
                (false, _) => {}
            }
        }
        values
    }

    /// The last value of a key.
    pub fn value(&self, section: &str, key: &str) -> Option<&str> {
        self.values(section, key).pop()
    }
}

/// The words of a command line. Quotes keep spaces together.
pub fn words(line: &str) -> Result<Vec<String>, UnitError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(UnitError::Quote(line.to_owned()));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a comment\n[Unit]\nA=1\n\n[Service]\nA=2\nA = 3=4\n; another\nB=5\nB=\n";

    #[test]
    fn a_key_has_the_values_of_its_section() {
        let unit = Unit::parse(TEXT).unwrap();
        assert_eq!(unit.values("Unit", "A"), ["1"]);
        assert_eq!(unit.values("Service", "A"), ["2", "3=4"]);
        assert_eq!(unit.value("Service", "A"), Some("3=4"));
        assert_eq!(unit.value("Service", "B"), None);
    }

    #[test]
    fn a_line_that_assigns_nothing_is_an_error() {
        for text in ["[Unit]\nA", "A=1", "[Unit"] {
            let error = Unit::parse(text).unwrap_err();
            assert!(matches!(error, UnitError::Line { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn quotes_keep_words_together() {
        let line = "/bin/sh -c  'kill -HUP \"$MAINPID\"' \"\"";
        let expected = ["/bin/sh", "-c", "kill -HUP \"$MAINPID\"", ""];
        assert_eq!(words(line).unwrap(), expected);
        assert!(matches!(words("a 'b"), Err(UnitError::Quote(_))));
    }
}
