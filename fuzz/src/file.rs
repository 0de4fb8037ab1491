//! A file for decoders that read one.

use std::{cell::RefCell, fs, path::Path};

/// A folder in memory, on systems that have one.
const MEMORY: &str = "/dev/shm";

/// Calls `act` with a temporary file of this content.
pub(super) fn with_file<T>(content: &[u8], act: impl FnOnce(&Path) -> T) -> T {
    thread_local! {
        static FILE: RefCell<Option<tempfile::NamedTempFile>> = const { RefCell::new(None) };
    }
    FILE.with_borrow_mut(|file| {
        let create = || {
            let in_memory = tempfile::NamedTempFile::new_in(MEMORY);
            in_memory
                .or_else(|_| tempfile::NamedTempFile::new())
                .expect("a temporary file can be created")
        };
        let file = file.get_or_insert_with(create);
        fs::write(file.path(), content).expect("the disk has room for a small file");
        act(file.path())
    })
}
