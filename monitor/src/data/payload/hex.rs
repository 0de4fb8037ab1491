//! Bytes as hexadecimal digits.

use std::fmt::Write;

/// Bytes per row.
pub(crate) const HEX_ROW_BYTES: usize = 16;

/// A row: its offset, its bytes, and their characters as far as they are printable ASCII.
pub(crate) fn hex_row(bytes: &[u8], row: usize) -> String {
    let start = row * HEX_ROW_BYTES;
    let end = (start + HEX_ROW_BYTES).min(bytes.len());
    let part = bytes.get(start..end).unwrap_or_default();
    let mut out = format!("{start:08x} ");
    for at in 0..HEX_ROW_BYTES {
        if at % 8 == 0 {
            out.push(' ');
        }
        // Writing to a string cannot fail.
        let _ = match part.get(at) {
            Some(byte) => write!(out, "{byte:02x} "),
            None => write!(out, "   "),
        };
    }
    out.push(' ');
    out.extend(part.iter().map(|&byte| match byte {
        b' '..=b'~' => char::from(byte),
        _ => '.',
    }));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_offset_bytes_and_characters() {
        let bytes: Vec<u8> = (0x1c..0x30).collect();
        let first = "00000000  1c 1d 1e 1f 20 21 22 23  24 25 26 27 28 29 2a 2b  .... !\"#$%&'()*+";
        assert_eq!(hex_row(&bytes, 0), first);
        let second = hex_row(&bytes, 1);
        assert!(second.starts_with("00000010  2c 2d 2e 2f "));
        assert!(second.ends_with("  ,-./"));
        assert_eq!(second.find(','), first.find('.'), "the columns stay");
    }
}
