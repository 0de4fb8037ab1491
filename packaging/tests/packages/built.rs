//! The packages, made of the programs that were built with the tests.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use tickcast_documents::documents;

/// The project's folder.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// The block of a document that has this text.
#[track_caller]
pub(crate) fn block(path: &str, part: &str) -> String {
    let all = documents(&project()).unwrap();
    let document = all.iter().find(|document| document.path == Path::new(path));
    let mut found = document.unwrap().blocks();
    found.retain(|block| block.text.contains(part));
    assert_eq!(found.len(), 1, "{path} has one block with {part}");
    found.remove(0).text
}

/// The output of a command that succeeds, without the space at its ends.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}: scripts/test.sh installs what is missing")
    });
    let [text, errors] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}{errors}",
        output.status
    );
    text.trim().to_owned()
}

/// The package of this name, built once.
pub(crate) fn package(name: &str) -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(build);
    let start = format!("{name}_");
    let mut files = fs::read_dir(&*FOLDER)
        .unwrap()
        .map(|file| file.unwrap().path());
    let found = files.find(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(&start) && name.ends_with(".deb")
    });
    found.unwrap_or_else(|| panic!("{} has no {name}", FOLDER.display()))
}

/// What a package installs, unpacked into a folder.
pub(crate) fn unpacked(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(Command::new("dpkg-deb")
        .arg("--extract")
        .args([&package(name), folder.path()]));
    folder
}

/// The folder of the programs: the tests are in a folder of it.
pub(crate) fn programs() -> PathBuf {
    let test = env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

/// A program that was built with the tests.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = programs().join(name);
    let shown = path.display();
    assert!(
        path.exists(),
        "no {shown}: cargo test --workspace builds it"
    );
    path
}

fn build() -> PathBuf {
    let programs = programs();
    let folder = programs.parent().unwrap().join("packaging/packages");
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    run(Command::new("scripts/package.sh")
        .current_dir(project())
        // It is for tests. The server would take it for a setting.
        .env_remove("TICKCAST_SERVER")
        .args(["--compression", "none", "--binaries"])
        .arg(&programs)
        .arg("--output")
        .arg(&folder));
    folder
}
