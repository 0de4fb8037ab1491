//! Programs that are shipped are small: what only debuggers need is left out.

use std::{fs, process::Command};

use crate::built::{project, run, unpacked};

/// The largest program of a package: that of the monitor, which is 38 MB without optimisations, as
/// it is in these tests, and 24 MB with them. With symbols for debuggers it would be 190 or 92 MB.
const PROGRAM_MAX_BYTES: u64 = 50_000_000;

/// Packages, each with its program.
const PROGRAMS: [&str; 3] = ["tickcast-server", "tickcast-monitor", "tickcast"];

#[test]
fn programs_of_packages_are_small_and_have_no_symbols_for_debuggers() {
    for name in PROGRAMS {
        let folder = unpacked(name);
        let path = folder.path().join("usr/bin").join(name);
        let bytes = fs::metadata(&path).unwrap().len();
        assert!(
            bytes <= PROGRAM_MAX_BYTES,
            "{name} has {bytes} bytes (limit {PROGRAM_MAX_BYTES})"
        );
        let sections = run(Command::new("readelf")
            .args(["--section-headers", "--wide"])
            .arg(&path));
        assert!(sections.contains(" .text "), "{sections}");
        for symbols in [".debug_info", ".debug_line", ".symtab"] {
            assert!(!sections.contains(symbols), "{name} has {symbols}");
        }
    }
}

#[test]
fn a_release_build_leaves_line_tables_to_a_profile_of_their_own() {
    let text = fs::read_to_string(project().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&text).unwrap();
    let profiles = manifest["profile"].as_table().unwrap();
    let release = profiles["release"].as_table().unwrap();
    // Without a word about them there are none. They would be four fifths of a program.
    for key in ["debug", "inherits"] {
        assert!(!release.contains_key(key), "{key} of the release profile");
    }
    // Names of functions stay, for backtraces: packages leave them out by themselves.
    assert!(!release.contains_key("strip"), "{release}");
    assert_eq!(release["lto"].as_str(), Some("thin"));
    for name in PROGRAMS {
        let of_package = release.get("package").and_then(|all| all.get(name));
        assert_eq!(of_package, None, "{name} is built as all others");
    }
    let profiling = profiles["profiling"].as_table().unwrap();
    assert_eq!(profiling["inherits"].as_str(), Some("release"));
    assert_eq!(profiling["debug"].as_str(), Some("line-tables-only"));
}
