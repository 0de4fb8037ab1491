//! The comparison as a program: contenders are started, take turns, and their figures are written.
//! Needs the workspace's programs, which `cargo test --workspace` builds: the server is a
//! contender.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

fn compare(words: &str, out: &Path) -> (Option<i32>, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_compare"));
    let output = Command::new(program)
        .arg("--out")
        .arg(out)
        .args(words.split(' '))
        .env("TICKCAST_UWEBSOCKETS", "false")
        .env("TICKCAST_OTHER", program.with_file_name("tickcast-server"))
        .output()
        .expect("the program has been built");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn contenders_of_a_group_take_turns_and_everything_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let words = "--quick --no-build --only b-few --contenders raw,tickcast-bincode,tickcast-other";
    let (code, said) = compare(words, folder.path());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1/1 (b-few) raw "), "{said}");
    assert!(said.contains("1/1 (b-few) Tickcast bincode "), "{said}");
    let other = "1/1 (b-few) Tickcast bincode, other build ";
    assert!(said.contains(other), "{said}");

    let json = fs::read_to_string(folder.path().join("results.json")).unwrap();
    let results: Value = serde_json::from_str(&json).unwrap();
    let measurements = results["measurements"].as_array().unwrap();
    assert_eq!(measurements.len(), 3, "{results}");
    for measurement in measurements {
        let turns = measurement["turns"].as_array().unwrap();
        assert_eq!(turns.len(), 3, "{measurement}");
        let has_worked = |turn: &Value| turn["deliveries"] != 0 && turn["cpu_s"] != 0.0;
        assert!(turns.iter().all(has_worked), "{measurement}");
        let integrity = &measurement["integrity"];
        assert_eq!(integrity["received"], integrity["expected"]);
        assert_eq!(integrity["doubled"], 0);
        let counters = &measurement["counters"];
        assert_eq!(counters["server"], counters["load"], "{measurement}");
    }

    // The same tables again, from the written results.
    let again = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.json");
    let words = format!("--only b-few --again {}", file.display());
    let (code, said) = compare(&words, again.path());
    assert_eq!(code, Some(0), "{said}");
    let tables = |folder: &Path| fs::read_to_string(folder.join("results.md")).unwrap();
    assert_eq!(tables(again.path()), tables(folder.path()));
}

#[test]
fn a_contender_that_does_not_start_is_reported_and_the_others_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let words = "--quick --no-build --only g --contenders raw,uwebsockets";
    let (code, said) = compare(words, folder.path());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("1/1 (g) raw "), "{said}");
    let failure = "FAILED (g) uWebSockets: taskset -c 0 false ";
    assert!(said.contains(failure), "{said}");
    assert!(said.contains("1 measurements failed"), "{said}");
}
