//! A file with a header of the handshake, for a proxy in front of the server.

use std::{fs::File, io::Read, path::Path};

use tickcast_protocol::client::ExtraHeader;

/// The most bytes of the file.
const MAX_BYTES: u64 = 8192;

/// Reads a file whose only line is a header `Name: value`. The error never holds the value.
pub(crate) fn read_header(path: &Path) -> Result<ExtraHeader, String> {
    let shown = path.display();
    let cannot = |error: std::io::Error| format!("cannot read the header file {shown}: {error}");
    let file = File::open(path).map_err(cannot)?;
    let mut line = String::new();
    let mut limited = file.take(MAX_BYTES + 1);
    limited.read_to_string(&mut line).map_err(cannot)?;
    if line.len() as u64 > MAX_BYTES {
        return Err(format!(
            "the header file {shown} is too long (limit {MAX_BYTES} bytes)"
        ));
    }
    let header = line.trim().parse::<ExtraHeader>();
    header.map_err(|error| format!("the header file {shown}: {error}"))
}
