//! The table of threats in docs/security.md: each row names tests, and each of them exists.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn each_threat_names_tests_that_exist() {
    let document = fs::read_to_string(project().join("docs/security.md")).unwrap();
    let (_, section) = document.split_once("\n## Threats\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap_or((section, ""));
    let mut code = String::new();
    for folder in ["server", "protocol", "monitor", "loadtest"] {
        sources(&project().join(folder), &mut code);
    }
    let mut rows = 0;
    for line in section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
    {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 4, "{line}");
        let tests: Vec<_> = cells[3].split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test: {line}");
        for test in tests {
            assert!(code.contains(&format!("fn {test}(")), "there is no {test}");
        }
        rows += 1;
    }
    assert!(rows > 30, "{rows}");
}
