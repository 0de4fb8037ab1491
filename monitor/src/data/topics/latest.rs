//! The newest value of a topic, and the number of its digits.

use tickcast_protocol::value::Value;

/// Of a text that is not kept whole, this many bytes are: a row shows less.
const TEXT_KEPT_BYTES: usize = 256;

/// The most digits of a reading. Sources that compute send 17, most of which are noise; with seven
/// a value fits its column.
const READING_DIGITS_MAX: usize = 7;

/// At least this many decimals of a reading are shown.
const READING_DECIMALS_MIN: usize = 2;

/// The newest value of a topic, bounded in size.
#[derive(Debug, Clone, PartialEq)]
pub enum Latest {
    /// All of it.
    Value(Value),
    /// The beginning of a text for which there was no room.
    CutText {
        /// The beginning.
        head: String,
        /// The length of the text in bytes.
        len: usize,
    },
    /// The length of a binary value for which there was no room.
    Bytes(usize),
}

impl Latest {
    /// Keeps the whole value if it takes at most `room` bytes more than a row shows, else the part
    /// that a row shows.
    pub(super) fn of(value: Value, room: usize) -> Self {
        if extra_bytes(&value) <= room {
            return Self::Value(value);
        }
        match value {
            Value::Text(mut head) | Value::Absent(mut head) => {
                let len = head.len();
                head.truncate(head.floor_char_boundary(TEXT_KEPT_BYTES));
                head.shrink_to_fit();
                Self::CutText { head, len }
            }
            Value::Bytes(bytes) => Self::Bytes(bytes.len()),
            value => Self::Value(value),
        }
    }

    /// The bytes that it takes beyond those that a row shows.
    pub(super) fn extra_bytes(&self) -> usize {
        match self {
            Self::Value(value) => extra_bytes(value),
            Self::CutText { .. } | Self::Bytes(_) => 0,
        }
    }
}

fn extra_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) | Value::Absent(text) => text.len().saturating_sub(TEXT_KEPT_BYTES),
        Value::Bytes(bytes) => bytes.len(),
        Value::Reading(_) | Value::Trade(_) | Value::Quote(_) => 0,
    }
}

/// Decimals of the shortest text that reads back as `reading`, as far as they are shown. Zeros
/// after the point are no digits: what is small has its digits too.
pub(super) fn reading_decimals(reading: f64) -> u8 {
    if !reading.is_finite() {
        return 0;
    }
    let text = format!("{reading}");
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.len().min(usize::from(decimals_max(reading))) as u8
}

/// The most decimals of a topic whose largest reading is this.
pub(super) fn decimals_max(largest: f64) -> u8 {
    let size = largest.abs();
    if !size.is_finite() || size == 0.0 {
        return READING_DIGITS_MAX as u8;
    }
    // 87.3 has two digits before the point, 0.05 has one zero after it.
    let whole = size.log10().floor() as i32 + 1;
    let room = READING_DIGITS_MAX as i32 - whole;
    room.clamp(READING_DECIMALS_MIN as i32, i32::from(u8::MAX)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reading: f64, decimals: u8) {
        assert_eq!(reading_decimals(reading), decimals, "{reading}");
    }

    #[test]
    fn a_payload_is_kept_whole_if_there_is_room_and_else_its_beginning() {
        let long = Value::Text("é".repeat(200));
        let whole = Latest::of(long.clone(), 144);
        assert_eq!(
            (whole.extra_bytes(), &whole),
            (144, &Latest::Value(long.clone()))
        );
        let cut = Latest::of(long, 143);
        let head = "é".repeat(128);
        assert_eq!(
            (cut.extra_bytes(), &cut),
            (0, &Latest::CutText { head, len: 400 })
        );
        assert_eq!(Latest::of(Value::Bytes(vec![1; 9]), 8), Latest::Bytes(9));
    }

    #[test]
    fn a_reading_has_as_many_decimals_as_the_source_sends() {
        check(21.0, 0);
        check(21.4, 1);
        check(-87.31, 2);
        check(0.1 + 0.2, 7);
        check(1_234_567.891, 2);
        check(73.967_322_070_999_99, 5);
        check(f64::NAN, 0);
        check(1e300, 0);
        check(1e-12, 12);
        check(1.2e-7, 8);
        check(-1.234_567_89e-7, 13);
        check(5e-324, 255);
    }
}
