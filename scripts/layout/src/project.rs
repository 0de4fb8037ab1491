//! The files of the project, and the packages that they belong to.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    path::Path,
};

use serde::{Deserialize, de::DeserializeOwned};
use walkdir::WalkDir;

/// Folders that hold no source of ours: build output, dependencies, vendored files.
const IGNORED: [&str; 4] = [".git", "node_modules", "target", "vendor"];

/// Endings of the files that are read. All others are known by name only.
const READ: [&str; 7] = [".js", ".md", ".mjs", ".py", ".rs", ".sh", ".toml"];

/// A package that is not in Cargo's workspace.
const JAVASCRIPT: &str = "clients/javascript";

/// Why the project cannot be checked.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct Error {
    /// The file or folder that is at fault.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Error {
    pub(crate) fn new(path: &str, problem: impl ToString) -> Self {
        Self {
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }
}

/// For each two files, the names that the first takes from the second.
pub(crate) type Needs = BTreeMap<(String, String), BTreeSet<String>>;

/// A Cargo package, or the JavaScript client.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Path from the project's root.
    pub(crate) folder: String,
}

impl Package {
    fn new(name: &str, folder: &str) -> Self {
        Self {
            name: name.to_owned(),
            folder: folder.to_owned(),
        }
    }
}

/// The source tree. All paths start at its root and use `/`.
#[derive(Debug)]
pub struct Project {
    /// All files. Those that are not [`READ`] are empty here.
    pub(crate) texts: BTreeMap<String, String>,
    pub(crate) packages: Vec<Package>,
}

impl Project {
    /// Reads the project below the folder `root`.
    pub fn read(root: &Path) -> Result<Self, Error> {
        let mut files = Vec::new();
        let is_ours = |name: &OsStr| !IGNORED.iter().any(|ignored| name == *ignored);
        let entries = WalkDir::new(root).min_depth(1).into_iter();
        for entry in entries.filter_entry(|entry| is_ours(entry.file_name())) {
            let entry = entry.map_err(|error| Error::new("", error))?;
            if entry.file_type().is_file() {
                let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
                let path = path.to_string_lossy().replace('\\', "/");
                let is_read = READ.iter().any(|ending| path.ends_with(ending));
                let text = if is_read {
                    fs::read_to_string(entry.path())
                } else {
                    Ok(String::new())
                };
                let text = text.map_err(|error| Error::new(&path, error))?;
                files.push((path, text));
            }
        }
        Self::new(files)
    }

    /// A project of these files: path and text.
    pub fn new(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        let texts: BTreeMap<String, String> = files.into_iter().collect();
        let mut packages = Vec::new();
        let Root { workspace } = manifest(&texts, "Cargo.toml")?;
        // An excluded package is one of ours with a workspace of its own.
        for folder in workspace.members.into_iter().chain(workspace.exclude) {
            let Member { package } = manifest(&texts, &format!("{folder}/Cargo.toml"))?;
            packages.push(Package::new(&package.name, &folder));
        }
        if texts.keys().any(|path| is_below(path, JAVASCRIPT)) {
            packages.push(Package::new(JAVASCRIPT, JAVASCRIPT));
        }
        Ok(Self { texts, packages })
    }

    /// Whether there is such a file or folder.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let mut files = self.texts.keys();
        files.any(|file| file == path || is_below(file, path))
    }

    /// Whether a source in Rust has such a constant.
    pub(crate) fn has_constant(&self, name: &str) -> bool {
        let declared = format!("const {name}:");
        let mut sources = self.texts.iter().filter(|(path, _)| path.ends_with(".rs"));
        sources.any(|(_, text)| text.contains(&declared))
    }

    /// The source files of a package without its tests, each with its text.
    pub(crate) fn sources<'a>(
        &'a self,
        package: &'a Package,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let owner_of = |path: &str| {
            let owners = self.packages.iter();
            let owners = owners.filter(|package| is_below(path, &package.folder));
            owners.max_by_key(|package| package.folder.len())
        };
        let is_javascript = package.folder == JAVASCRIPT;
        let ending = if is_javascript { ".js" } else { ".rs" };
        let files = self.texts.iter();
        let files = files.map(|(path, text)| (path.as_str(), text.as_str()));
        files.filter(move |(path, _)| {
            let is_test = |part| matches!(part, "test" | "tests" | "tests.rs");
            path.ends_with(ending)
                && !path.split('/').any(is_test)
                && owner_of(path).is_some_and(|owner| owner.folder == package.folder)
        })
    }
}

/// The manifest of the workspace.
#[derive(Deserialize)]
struct Root {
    workspace: Workspace,
}

#[derive(Deserialize)]
struct Workspace {
    members: Vec<String>,
    #[serde(default)]
    exclude: Vec<String>,
}

/// The manifest of a package.
#[derive(Deserialize)]
struct Member {
    package: Named,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

fn manifest<T: DeserializeOwned>(texts: &BTreeMap<String, String>, path: &str) -> Result<T, Error> {
    let text = texts.get(path).map_or("", String::as_str);
    toml::from_str(text).map_err(|error| Error::new(path, error))
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}
