//! The files of the project, and the packages that they belong to.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    path::Path,
};

use walkdir::WalkDir;

/// Folders that hold no source of ours: build output, dependencies, vendored files.
const IGNORED: [&str; 4] = [".git", "node_modules", "target", "vendor"];

/// Endings of the files that are read. All others are known by name only.
const READ: [&str; 6] = [".js", ".md", ".mjs", ".rs", ".sh", ".toml"];

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
                let text = is_read
                    .then(|| fs::read_to_string(entry.path()))
                    .transpose();
                let text = text.map_err(|error| Error::new(&path, error))?;
                files.push((path, text.unwrap_or_default()));
            }
        }
        Self::new(files)
    }

    /// A project of these files: path and text.
    pub fn new(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        let texts: BTreeMap<String, String> = files.into_iter().collect();
        let mut packages = Vec::new();
        let workspace = manifest(&texts, "Cargo.toml")?;
        // An excluded package is one of ours with a workspace of its own.
        for key in ["members", "exclude"] {
            let folders = workspace
                .get("workspace")
                .and_then(|workspace| workspace.get(key)?.as_array());
            for folder in folders
                .into_iter()
                .flatten()
                .filter_map(toml::Value::as_str)
            {
                let path = format!("{folder}/Cargo.toml");
                let manifest = manifest(&texts, &path)?;
                let name = manifest
                    .get("package")
                    .and_then(|package| package.get("name")?.as_str())
                    .ok_or_else(|| Error::new(&path, "has no package.name"))?;
                packages.push(Package::new(name, folder));
            }
        }
        if texts.keys().any(|path| is_below(path, JAVASCRIPT)) {
            packages.push(Package::new(JAVASCRIPT, JAVASCRIPT));
        }
        Ok(Self { texts, packages })
    }

    /// Whether there is such a file or folder.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.texts
            .keys()
            .any(|file| file == path || is_below(file, path))
    }

    /// The source files of a package without its tests, each with its text.
    pub(crate) fn sources<'a>(
        &'a self,
        package: &'a Package,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let files = self
            .texts
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()));
        files.filter(|(path, _)| {
            let owner = self
                .packages
                .iter()
                .filter(|package| is_below(path, &package.folder));
            let owner = owner.max_by_key(|package| package.folder.len());
            owner.is_some_and(|owner| owner.folder == package.folder)
                && path.ends_with(if package.folder == JAVASCRIPT {
                    ".js"
                } else {
                    ".rs"
                })
                && !path
                    .split('/')
                    .any(|part| matches!(part, "test" | "tests" | "tests.rs"))
        })
    }
}

fn manifest(texts: &BTreeMap<String, String>, path: &str) -> Result<toml::Table, Error> {
    let text = texts
        .get(path)
        .ok_or_else(|| Error::new(path, "does not exist"))?;
    toml::from_str(text).map_err(|error| Error::new(path, error))
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}
