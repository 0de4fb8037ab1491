//! The texts of settings: those of `--help`, and the tables in the documents.

use std::fs;

use super::case;

/// A flag as `--help` has it.
struct HelpFlag {
    name: String,
    /// With the value, such as `--tape SIZE`.
    usage: String,
    text: String,
    default: Option<String>,
}

/// The flags of `--help` below one heading. A wrapped text is joined again.
fn help_flags(heading: &str) -> Vec<HelpFlag> {
    let help = case().flags(&["--help"]).print();
    let start = help.find(&format!("\n{heading}:\n")).unwrap();
    let section = help[start..].trim_start().split("\n\n").next().unwrap();
    let section = section.split("\n  -h, ").next().unwrap();
    let entries = section.split("\n      --").skip(1);
    let flags = entries.map(|entry| {
        let words: Vec<_> = entry.split_whitespace().collect();
        let named = |word: &str| Some(word.strip_prefix('<')?.strip_suffix('>')?.to_owned());
        let values: Vec<_> = words[1..].iter().map_while(|word| named(word)).collect();
        let mut text = words[1 + values.len()..].join(" ");
        let mut take = |kind: &str| {
            let start = text.find(&format!(" [{kind}: "))?;
            let end = start + text[start..].find(']')?;
            let value = text[start + kind.len() + 4..end].to_owned();
            text.replace_range(start..=end, "");
            Some(value)
        };
        take("env");
        let default = take("default");
        let name = format!("--{}", words[0]);
        let usage = [std::slice::from_ref(&name), &values[..]]
            .concat()
            .join(" ");
        HelpFlag {
            name,
            usage,
            text,
            default,
        }
    });
    flags.collect()
}

#[test]
fn every_setting_has_a_text_and_is_printed_below_it() {
    let feeds = ["--feed", "simulated", "--feed", "mqtt", "--print-config"];
    let printed = case().flags(&feeds).print();
    let mut count = 0;
    for (heading, prefix) in [
        ("Server", "--"),
        ("Log", "--"),
        ("Feed simulated", "--sim-"),
        ("Feed mqtt", "--mqtt-"),
    ] {
        for flag in help_flags(heading) {
            let key = flag.name.strip_prefix(prefix).unwrap().replace('-', "_");
            assert!(flag.text.len() > 10, "{key} has no text");
            let lines = [format!("\n{key} = "), format!("\n# {key} is not set ")];
            let at = lines.iter().find_map(|line| printed.find(line));
            let above = printed[..at.unwrap_or_else(|| panic!("{key} is not in\n{printed}"))]
                .lines()
                .next_back()
                .unwrap();
            assert!(
                above.starts_with("# ") && above.len() > 12,
                "{key}: {above}"
            );
            count += 1;
        }
    }
    assert_eq!(count, 42 + 2 + 4 + 16);
}

fn in_code(default: Option<&str>) -> String {
    match default {
        None => "none".into(),
        Some(text) if text.contains(' ') || text.parse::<u64>().is_ok() => text.into(),
        Some(text) => format!("`{text}`"),
    }
}

fn table(flags: &[HelpFlag]) -> String {
    let rows = flags.iter().map(|flag| {
        let default = in_code(flag.default.as_deref());
        let text = match flag.text.split_once(" [values: ") {
            Some((text, values)) => {
                let (values, rest) = values.split_once(']').unwrap();
                format!("{text}: `{}`{rest}", values.replace(", ", "`, `"))
            }
            None => flag.text.clone(),
        };
        format!("| `{}` | {default} | {text} |\n", flag.usage)
    });
    format!(
        "| flag | default | |\n|---|---|---|\n{}",
        rows.collect::<String>()
    )
}

/// Where a document is.
fn document(name: &str) -> String {
    format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_tables_of_settings_in_the_document_for_operators_are_those_of_the_program() {
    const END: &str = "<!-- end of settings -->";
    let path = document("docs/operations.md");
    let text = fs::read_to_string(&path).unwrap();
    let mut expected = String::new();
    let mut tables = 0;
    for (index, part) in text.split("<!-- settings: ").enumerate() {
        if index == 0 {
            expected.push_str(part);
            continue;
        }
        let (heading, _) = part.split_once(" -->").unwrap();
        let (_, rest) = part.split_once(END).unwrap();
        let flags = help_flags(heading);
        tables += flags.len();
        let table = table(&flags);
        expected.push_str(&format!("<!-- settings: {heading} -->\n{table}{END}{rest}"));
    }
    let help = case().flags(&["--help"]).print();
    assert_eq!(
        tables,
        help.matches("\n      --").count(),
        "a flag is in no table"
    );
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    assert!(
        text == expected || std::env::var_os("UPDATE_DOCS").is_some(),
        "docs/operations.md has other settings than the program. To renew its tables:\n\
         UPDATE_DOCS=1 cargo test --package tickcast-server --test programs config"
    );
}

#[test]
fn the_table_of_settings_in_the_readme_has_the_defaults_of_the_program() {
    let headings = [
        "Options",
        "Server",
        "Log",
        "Feed simulated",
        "Feed mqtt",
        "Feed replay",
    ];
    let flags: Vec<_> = headings.into_iter().flat_map(help_flags).collect();
    let text = fs::read_to_string(document("README.md")).unwrap();
    let section = text.split_once("\n## Settings\n").unwrap().1;
    let section = section.split("\n## ").next().unwrap();
    let mut checked = 0;
    for row in section.lines().filter(|line| line.starts_with("| `--")) {
        let mut cells = row.trim_matches('|').split(" | ").map(str::trim);
        let (names, defaults) = (cells.next().unwrap(), cells.next().unwrap());
        for (name, default) in names.split(", ").zip(defaults.split(", ")) {
            let name = name.trim_matches('`');
            let flag = flags.iter().find(|flag| flag.name == name);
            let flag = flag.unwrap_or_else(|| panic!("{name} is no flag"));
            assert_eq!(
                default,
                in_code(flag.default.as_deref()),
                "{name} in README.md"
            );
            checked += 1;
        }
        assert_eq!(
            names.split(", ").count(),
            defaults.split(", ").count(),
            "{row}"
        );
    }
    assert!(checked > 15, "{checked}");
}
