//! Folders of servers.

use std::{fs, path::Path};

/// Copies a folder and all that is in it.
///
/// # Panics
///
/// If the system refuses something.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("it has a name"));
        match path.is_dir() {
            true => copy_folder(&path, &target),
            false => {
                fs::copy(&path, &target).expect("a file");
            }
        }
    }
}
