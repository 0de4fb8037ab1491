//! Reads files up to a length: whatever they are, also devices that never end.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::Path,
};

/// The content of a file; an error if it is longer.
pub(super) fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let read = File::open(path)?
        .take(max_bytes + 1)
        .read_to_end(&mut content)?;
    if read as u64 > max_bytes {
        let reason = format!("it has more than {max_bytes} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, reason));
    }
    Ok(content)
}

/// The same as text.
pub(super) fn read_text(path: &Path, max_bytes: u64) -> io::Result<String> {
    let content = read(path, max_bytes)?;
    String::from_utf8(content).map_err(|error| {
        let from = error.utf8_error().valid_up_to();
        let reason = format!("it is not UTF-8 from byte {from} on");
        io::Error::new(ErrorKind::InvalidData, reason)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_a_device_without_end_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_text(&path, 5).unwrap(), "12345");
        assert!(
            read_text(&path, 4)
                .unwrap_err()
                .to_string()
                .contains("more than 4 bytes")
        );
        assert!(read(Path::new("/dev/zero"), 1_000).is_err());
        fs::write(&path, b"ab\xff").unwrap();
        let error = read_text(&path, 5).unwrap_err().to_string();
        assert_eq!(error, "it is not UTF-8 from byte 2 on");
    }
}
