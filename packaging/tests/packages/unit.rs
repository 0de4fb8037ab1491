//! What systemd says about the unit.

use std::process::Command;

use crate::{built::run, root::Root};

/// Its place in a root.
pub(crate) const UNIT: &str = "usr/lib/systemd/system/tickcast-server.service";

/// The most that systemd's review of the unit may say, in tenths: from 0 (safe) to 100. Version 252
/// says 14. Other versions count a little differently.
pub(crate) const EXPOSURE_MAX: u32 = 20;

/// Checks the unit that is installed in the root.
#[track_caller]
pub(crate) fn check(root: &Root) {
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .arg(format!("--root={}", root.path().display()))
        .arg("tickcast-server.service")
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && errors.is_empty(), "{errors}");

    let review = run(Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager"])
        .arg(format!("--threshold={EXPOSURE_MAX}"))
        .arg(root.path().join(UNIT)));
    assert!(review.contains("Overall exposure level"), "{review}");
}
