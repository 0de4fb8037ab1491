//! `tickcast-server config`: the file with all settings.

use std::fs;

use tickcast_server::config::Settings;
use tickcast_server_testkit::{Program, command};

use super::case;

/// Above it are the settings of the server, below it the tables.
const TABLES: &str = "# --- Tables ---";

fn printed() -> String {
    case().flags(&["config"]).print()
}

fn defaults() -> Settings {
    case().settings()
}

/// Whether a line becomes a setting, or the heading of a table, without its `#`.
fn sets(line: &str) -> bool {
    let rest = line.strip_prefix('#');
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '['))
}

/// The text with all its settings.
fn without_marks(text: &str) -> String {
    let lines = text.lines().map(|line| match sets(line) {
        true => format!("{}\n", &line[1..]),
        false => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn the_file_as_it_is_printed_sets_nothing() {
    assert_eq!(case().file(&printed()).settings(), defaults());
    for line in printed().lines() {
        assert!(line.is_empty() || line.starts_with('#'), "{line}");
        assert!(sets(line) || line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn with_every_setting_of_the_server_the_settings_are_the_defaults() {
    let text = printed();
    let (server, _) = text.split_once(TABLES).unwrap();
    let set = server.lines().filter(|line| sets(line)).count();
    assert!(set > 40, "{set}");
    assert_eq!(case().file(&without_marks(server)).settings(), defaults());
}

#[test]
fn each_example_of_a_table_is_accepted() {
    let text = printed();
    let (_, tables) = text.split_once(TABLES).unwrap();
    let mut seen = Vec::new();
    for table in tables.split("\n# --- [[").skip(1) {
        let text = without_marks(&format!("# --- [[{table}"));
        let (name, _) = table.split_once("]]").unwrap();
        let kind = text.lines().find_map(|line| line.strip_prefix("kind = "));
        seen.push(format!("{name} {}", kind.unwrap_or_default()));
        if kind == Some("\"replay\"") {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("quotes.csv");
            fs::write(&path, "time,bid,ask\n1610064000000,1,2\n").unwrap();
            let text = text.replace("quotes.csv", path.to_str().unwrap());
            case().file(&text).settings();
        } else {
            let loaded = case().file(&text).settings();
            assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
            assert_ne!((name, loaded), ("", defaults()));
        }
    }
    let expected = [
        "feed \"simulated\"",
        "feed \"mqtt\"",
        "feed \"websocket\"",
        "feed \"program\"",
        "feed \"replay\"",
        "feed \"stdin\"",
        "listen ",
        "output ",
        "decode ",
        "liveness ",
        "wills ",
    ];
    assert_eq!(seen, expected);
}

/// The names of all flags of the help that set something, as keys.
fn keys_of_help() -> Vec<String> {
    let help = case().flags(&["--help"]).print();
    let joined = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let variables = joined.split("[env: TICKCAST_").skip(1);
    let names = variables.map(|rest| rest.split(']').next().unwrap().to_owned());
    names.collect()
}

#[test]
fn every_setting_is_there_with_its_variable() {
    let text = printed();
    let variables: Vec<_> = keys_of_help();
    assert!(variables.len() > 80, "{variables:?}");
    for name in variables {
        // These have tables, or name the file.
        if ["CONFIG", "FEED", "DECODE", "LIVENESS"].contains(&&*name) {
            continue;
        }
        let variable = format!("; TICKCAST_{name}\n#");
        assert!(text.contains(&variable), "{name} is not in\n{text}");
    }
}

#[test]
fn the_command_takes_nothing_more_and_explains_itself() {
    let problem = case().flags(&["config", "more"]).problems().join(" ");
    assert!(problem.contains("unexpected argument 'more'"), "{problem}");
    let text = case().flags(&["config", "--help"]).print();
    assert!(text.contains("Prints a file"), "{text}");
}

#[tokio::test]
async fn a_server_starts_with_the_printed_file() {
    let output = command(&["config"]).output().await.unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.trim_end(), printed().trim_end());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    fs::write(&path, text).unwrap();
    let server = Program::start(&["--config", path.to_str().unwrap()]).await;
    assert!(
        !server.first_log().contains("WARN"),
        "{}",
        server.first_log()
    );
    server.until_feed_is_up("simulated").await;
}
