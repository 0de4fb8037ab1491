//! Where the project and its programs are.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use tickcast_documents::{Document, documents};

/// Node runs WebSockets without a package from this version on.
const NODE_MIN: u32 = 20;

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

/// All documents of the project.
pub(crate) fn all_documents() -> &'static [Document] {
    static ALL: LazyLock<Vec<Document>> = LazyLock::new(|| documents(&root()).unwrap());
    &ALL
}

/// One of them.
pub(crate) fn document(path: &str) -> &'static Document {
    let mut all = all_documents().iter();
    let found = all.find(|document| document.path == Path::new(path));
    found.unwrap_or_else(|| panic!("there is no {path}"))
}

/// The folder of the programs: the tests are in a folder of it.
pub(crate) fn programs() -> PathBuf {
    let test = env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap().to_owned();
    for name in [
        "tickcast-server",
        "tickcast",
        "tickcast-loadtest",
        "tickcast-monitor",
        "compare",
    ] {
        assert!(
            folder.join(name).exists(),
            "{} has no {name}: cargo test --workspace builds it, and so does cargo build --workspace",
            folder.display()
        );
    }
    folder
}

/// A command of a shell, without the settings of the one that runs the tests.
pub(crate) fn shell(command: &str, folder: &Path) -> Command {
    let path = env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("bash");
    shell
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", programs().display()));
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("TICKCAST_") {
            shell.env_remove(name);
        }
    }
    shell
}

/// Node with WebSockets, as the words of a command.
pub(crate) fn node() -> &'static str {
    static NODE: LazyLock<&str> = LazyLock::new(|| {
        let mut node = Command::new("node");
        let output = node
            .args(["--print", "parseInt(process.versions.node)"])
            .output();
        let output = output.expect("node must be installed (Debian and Ubuntu: package nodejs)");
        let major: u32 = String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        match major {
            NODE_MIN.. => "node --experimental-websocket",
            _ => "npx --yes --package node@22 -- node",
        }
    });
    &NODE
}
