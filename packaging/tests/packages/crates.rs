//! What crates.io would get of each package: it can be packed, describes itself, has the licences,
//! and needs no file from outside. The clients for JavaScript and Python have such tests of their
//! own.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    time::SystemTime,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::built::{programs, project, run};

/// What is published, each before those that need it.
const PUBLISHED: [&str; 9] = [
    "tickcast-protocol",
    "tickcast-core",
    "tickcast-uring",
    "tickcast-log",
    "tickcast-cluster",
    "tickcast-server",
    "tickcast-cli",
    "tickcast-loadtest",
    "tickcast-monitor",
];

const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// Bounds of crates.io: packages, and keywords of each.
const PACKAGE_MAX_BYTES: u64 = 10 << 20;
const KEYWORDS_MAX: usize = 5;
const KEYWORD_MAX_BYTES: usize = 20;

/// Cargo, without what the one that runs the tests has set.
fn cargo(command: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([command, "--offline"]).current_dir(project());
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            cargo.env_remove(&*name);
        }
    }
    cargo
}

/// The packages of the workspace by their names, as cargo reads them.
fn packages() -> BTreeMap<String, Value> {
    let text = run(cargo("metadata").args(["--locked", "--no-deps", "--format-version", "1"]));
    let metadata: Value = serde_json::from_str(&text).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| {
            (
                package["name"].as_str().unwrap().to_owned(),
                package.clone(),
            )
        })
        .collect()
}

/// The folder of a package in the project.
fn folder(package: &Value) -> PathBuf {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().to_owned()
}

/// A package as a user of crates.io has it, packed and unpacked once.
fn unpacked(name: &str) -> PathBuf {
    static FOLDER: LazyLock<TempDir> = LazyLock::new(pack);
    let mut found = fs::read_dir(FOLDER.path()).unwrap();
    let start = format!("{name}-");
    found
        .find_map(|entry| {
            let path = entry.unwrap().path();
            let rest = path.file_name()?.to_str()?.strip_prefix(&start)?.to_owned();
            rest.starts_with(|first: char| first.is_ascii_digit())
                .then_some(path)
        })
        .unwrap_or_else(|| panic!("no {name} was packed"))
}

fn pack() -> TempDir {
    let work = tempfile::tempdir().unwrap();
    let mut package = cargo("package");
    // A lockfile could be made only once the packages that it names are published.
    package.args([
        "--allow-dirty",
        "--no-verify",
        "--exclude-lockfile",
        "--target-dir",
    ]);
    package.arg(work.path());
    for name in PUBLISHED {
        package.args(["--package", name]);
    }
    run(&mut package);
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(work.path().join("package")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "crate") {
            let bytes = fs::metadata(&path).unwrap().len();
            let shown = path.display();
            assert!(
                bytes <= PACKAGE_MAX_BYTES,
                "{shown}: too large ({bytes} bytes)"
            );
            run(Command::new("tar")
                .args(["--extract", "--gzip", "--file"])
                .arg(&path)
                .arg("--directory")
                .arg(folder.path()));
        }
    }
    folder
}

#[test]
fn every_package_is_for_publishing_or_says_that_it_is_not() {
    let mut published = BTreeSet::new();
    for (name, package) in packages() {
        let manifest = fs::read_to_string(folder(&package).join("Cargo.toml")).unwrap();
        let is_for_publishing = manifest
            .lines()
            .any(|line| line == "publish.workspace = true");
        let is_not = manifest.lines().any(|line| line == "publish = false");
        assert!(is_for_publishing != is_not, "{name}");
        if is_for_publishing {
            published.insert(name.clone());
        }
        // Until the project sets it otherwise, cargo refuses to publish any of them.
        assert_eq!(package["publish"], Value::Array(Vec::new()), "{name}");
    }
    assert_eq!(published, PUBLISHED.map(str::to_owned).into());
}

#[test]
fn every_published_package_describes_itself() {
    let packages = packages();
    for name in PUBLISHED {
        let package = &packages[name];
        assert_eq!(package["license"], "MIT OR Apache-2.0", "{name}");
        let description = package["description"].as_str().unwrap_or_default();
        assert!(!description.is_empty(), "{name} has no description");
        assert_eq!(package["readme"], "README.md", "{name}");
        let words = |key: &str| -> Vec<String> {
            let words = package[key].as_array().unwrap().iter();
            words
                .map(|word| word.as_str().unwrap().to_owned())
                .collect()
        };
        let keywords = words("keywords");
        assert!((1..=KEYWORDS_MAX).contains(&keywords.len()), "{name}");
        for keyword in keywords {
            let is_plain = keyword
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-+".contains(&byte));
            assert!(
                is_plain && keyword.len() <= KEYWORD_MAX_BYTES,
                "{name}: {keyword:?}"
            );
        }
        let categories = words("categories");
        assert!((1..=KEYWORDS_MAX).contains(&categories.len()), "{name}");
    }
}

#[test]
fn every_published_package_has_the_licences_and_a_text_about_it() {
    for name in PUBLISHED {
        let folder = unpacked(name);
        for licence in LICENCES {
            let path = folder.join(licence);
            let is_file = fs::symlink_metadata(&path).is_ok_and(|data| data.is_file());
            assert!(is_file, "{name} has no file {licence}");
            let text = fs::read_to_string(path).unwrap();
            let ours = fs::read_to_string(project().join(licence)).unwrap();
            assert_eq!(text, ours, "{name}: {licence}");
        }
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        let heading = format!("# {name}\n");
        assert!(readme.starts_with(&heading), "{name}: README.md");
    }
}

/// The files that the server's build script puts into the program, of the server in this folder.
fn served(server: &Path) -> BTreeSet<String> {
    let out = tempfile::tempdir().unwrap();
    run(Command::new(build_script())
        .current_dir(server)
        .env("CARGO_MANIFEST_DIR", server)
        .env("OUT_DIR", out.path()));
    let table = fs::read_to_string(out.path().join("assets.rs")).unwrap();
    let paths = table.split("path: \"").skip(1);
    paths
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

/// The build script of the server that was built last.
fn build_script() -> PathBuf {
    let builds = fs::read_dir(programs().join("build")).unwrap();
    let scripts = builds.filter_map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name()?.to_str()?;
        let script = path.join("build-script-build");
        let of_server = name.starts_with("tickcast-server-") && script.exists();
        of_server.then_some(script)
    });
    let built =
        |script: &PathBuf| -> SystemTime { fs::metadata(script).unwrap().modified().unwrap() };
    scripts.max_by_key(built).expect("the server was built")
}

#[test]
fn the_package_of_the_server_has_the_pages_that_it_serves() {
    let of_package = served(&unpacked("tickcast-server"));
    let of_project = served(&project().join("server"));
    for name in [
        "index.js",
        "openapi.yaml",
        "page/index.html",
        "src/client.js",
    ] {
        assert!(of_package.contains(name), "{name}");
    }
    assert_eq!(of_package, of_project);
}
