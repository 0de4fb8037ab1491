//! A machine that was started again, as a server in a mount namespace sees it.

use std::{io::Write, path::Path, process, sync::atomic::AtomicU64, sync::atomic::Ordering};

use tempfile::NamedTempFile;
use tokio::process::Command;

/// Where Linux tells which start of the machine this is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Puts the file of the first argument there, and becomes the program of the others.
const SCRIPT: &str = "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\"";

/// A start of the machine, after the real one. Programs in it see its boot id, and all else as it
/// is.
#[derive(Debug)]
pub struct Boot(NamedTempFile);

impl Boot {
    /// Another one than all before.
    ///
    /// # Panics
    ///
    /// If the machine has no mount namespaces for this user.
    pub async fn another() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:08x}-0000-4000-8000-{count:012x}\n", process::id());
        let mut file = NamedTempFile::new().expect("a file can be made");
        file.write_all(id.as_bytes()).expect("the disk has room");
        let boot = Self(file);
        let output = boot.within(Path::new("cat")).arg(BOOT_ID).output().await;
        let output = output.expect("the tests need unshare, of the package util-linux");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            id,
            "no program can be shown another boot id ({}): the test needs a mount namespace. Run \
             it as root, or allow user namespaces (on Ubuntu: sysctl -w \
             kernel.apparmor_restrict_unprivileged_userns=0)",
            error.trim()
        );
        boot
    }

    /// A program in it. The process is the program itself in the end, so signals reach it.
    pub(crate) fn within(&self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        command.arg("--mount");
        // Without root's rights a user namespace gives them, inside of it alone.
        if !is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["sh", "-c", SCRIPT]);
        command.arg(self.0.path()).arg(program);
        command
    }
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    // The real and the effective one.
    line.and_then(|line| line.split_whitespace().nth(1)) == Some("0")
}
