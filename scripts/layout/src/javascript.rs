//! Imports between the ES modules of the JavaScript client.

use std::sync::LazyLock;

use regex::Regex;

use crate::project::{Needs, Package, Project};

/// `import { a, b } from './c.js'`, `import './c.js'` and `export ... from './c.js'`, over one
/// or more lines. A re-export counts because it runs the other module first.
static IMPORT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^(?:import|export)\b([^;'=(]*?)\s*'(\.{1,2}/[^']*)'").expect("a valid pattern")
});

/// What the files of a package import from each other.
pub(crate) fn needs(project: &Project, package: &Package) -> Needs {
    let mut needs = Needs::new();
    for (file, text) in project.sources(package) {
        for import in IMPORT.captures_iter(text) {
            let names = import[1].trim_end_matches("from");
            let names = names.split(|char: char| !char.is_alphanumeric() && char != '_');
            let names = names.filter(|name| !name.is_empty()).map(str::to_owned);
            needs
                .entry((file.to_owned(), join(file, &import[2])))
                .or_default()
                .extend(names);
        }
    }
    needs
}

/// The path that `relative` means inside of `file`.
fn join(file: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
