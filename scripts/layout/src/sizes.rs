//! Files are small: a reader takes in one at a time.

use crate::{
    finding::Finding,
    project::{Error, Project},
};

/// Median of a package, in lines with comments and empty ones: what a reader takes in at once.
const MEDIAN_MAX: usize = 200;

/// Longest file in lines: beyond it a file has more than one job.
const LARGEST_MAX: usize = 500;

/// Sizes of a package's files without its tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The package, or "all".
    pub name: String,
    /// Number of files.
    pub files: usize,
    /// Lines of all files.
    pub lines: usize,
    /// Lines of the file in the middle.
    pub median: usize,
    /// Lines and path of the largest file.
    pub largest: (usize, String),
}

/// One row for each package, and one for all of them.
pub fn sizes(project: &Project) -> Vec<Sizes> {
    let mut all = Vec::new();
    let mut rows = Vec::new();
    for package in &project.packages {
        let files = project.sources(package);
        let files: Vec<_> = files
            .map(|(path, text)| (text.lines().count(), path.to_owned()))
            .collect();
        all.extend(files.clone());
        rows.extend(row(&package.name, files));
    }
    rows.extend(row("all", all));
    rows
}

fn row(name: &str, mut files: Vec<(usize, String)>) -> Option<Sizes> {
    files.sort();
    Some(Sizes {
        name: name.to_owned(),
        files: files.len(),
        lines: files.iter().map(|(lines, _)| lines).sum(),
        median: files.get(files.len() / 2)?.0,
        largest: files.last()?.clone(),
    })
}

pub(crate) fn check(project: &Project) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for Sizes { name, median, .. } in sizes(project) {
        if median > MEDIAN_MAX {
            let problem =
                format!("median of {median} lines (limit {MEDIAN_MAX}): split long files");
            findings.push(Finding::new(name, problem));
        }
    }
    let packages = project.packages.iter();
    for (path, text) in packages.flat_map(|package| project.sources(package)) {
        let lines = text.lines().count();
        if lines > LARGEST_MAX {
            let problem = format!("{lines} lines (limit {LARGEST_MAX}): split it by subject");
            findings.push(Finding::new(path, problem));
        }
    }
    Ok(findings)
}
