//! A small system in a folder of its own.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use walkdir::WalkDir;

use crate::built::{project, run};

/// What the system itself writes when packages come and go: its own records.
const RECORDS: [&str; 9] = [
    "etc/.pwd.lock",
    "etc/group",
    "etc/gshadow",
    "etc/passwd",
    "etc/shadow",
    "var/cache/apt",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/log",
];

/// The archive that a script makes, or has made.
fn made(script: &mut Command) -> PathBuf {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test installs packages into a root of its own, which only root may do: run it with \
         sudo, or as root in a container"
    );
    PathBuf::from(run(script.current_dir(project())))
}

/// A root of its own. It is removed with the value.
pub(crate) struct Root {
    folder: TempDir,
}

impl Root {
    /// The smallest system, of the release of this machine.
    pub(crate) fn new() -> Self {
        Self::of("packaging/root.sh")
    }

    /// The smallest system of a newer release, if one is known of this machine's release.
    pub(crate) fn newer() -> Option<Self> {
        let archive = made(Command::new("packaging/root.sh").arg("newer"));
        (!archive.as_os_str().is_empty()).then(|| Self::unpacked(&archive))
    }

    /// The system whose archive this script names.
    pub(crate) fn of(script: &str) -> Self {
        Self::unpacked(&made(&mut Command::new(script)))
    }

    fn unpacked(archive: &Path) -> Self {
        let folder = tempfile::tempdir_in(archive.parent().unwrap()).unwrap();
        run(Command::new("tar")
            .args(["--numeric-owner", "--extract", "--file"])
            .arg(archive)
            .arg("--directory")
            .arg(folder.path()));
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command in the root, as root. Returns its output.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> String {
        run(&mut self.command("root", words))
    }

    /// A command in the root, as this user, with an empty environment.
    pub(crate) fn command(&self, user: &str, words: &[&str]) -> Command {
        let mut command = Command::new("chroot");
        command
            .arg(format!("--userspec={user}:{user}"))
            .arg(self.path())
            .args(words)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C.UTF-8");
        command
    }

    /// Copies a package into the root. Returns its path there.
    pub(crate) fn bring(&self, package: &Path) -> String {
        let path = format!("/{}", package.file_name().unwrap().to_string_lossy());
        fs::copy(package, self.path().join(&path[1..])).unwrap();
        path
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.path().join(path).symlink_metadata().is_ok()
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap()
    }

    /// Owner and mode of a file.
    pub(crate) fn owner_and_mode(&self, path: &str) -> (String, u32) {
        let found = fs::metadata(self.path().join(path)).unwrap();
        let owner = self.run(&["stat", "--format=%U:%G", &format!("/{path}")]);
        (owner, found.mode() & 0o7777)
    }

    /// All files and folders but the [`RECORDS`], each with owner, group, mode and size.
    pub(crate) fn files(&self) -> BTreeMap<String, (u32, u32, u32, u64)> {
        let is_record = |path: &str| {
            // passwd has the backup passwd-.
            let is = |record: &&'static str| path.strip_prefix(*record);
            let mut ends = RECORDS.iter().filter_map(is);
            ends.any(|end| end.is_empty() || end == "-" || end.starts_with('/'))
        };
        let entries = WalkDir::new(self.path()).min_depth(1).into_iter();
        let entries = entries.map(|entry| entry.unwrap());
        let files = entries.filter_map(|entry| {
            let path = entry.path().strip_prefix(self.path()).unwrap();
            let path = path.to_string_lossy().into_owned();
            let found = entry.metadata().unwrap();
            let size = if found.is_file() { found.len() } else { 0 };
            let facts = (found.uid(), found.gid(), found.mode(), size);
            (!is_record(&path)).then_some((path, facts))
        });
        files.collect()
    }
}
