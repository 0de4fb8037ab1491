//! The datatypes (section 6.4.16), and scalar values of each.

use jiff::Timestamp;

/// A datatype.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataType {
    /// Not given: the form of the value decides.
    Unknown,
    /// A whole number with or without a sign, and its number of bits.
    Integer {
        bits: u32,
        is_signed: bool,
    },
    /// 32 or 64 bits.
    Float,
    Boolean,
    /// String, Text and UUID.
    Text,
    DateTime,
    /// Bytes and File.
    Bytes,
    DataSet,
    Template,
    Array(Element),
}

/// The elements of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Integer { bytes: usize, is_signed: bool },
    Float,
    Double,
    Boolean,
    Text,
    DateTime,
}

/// A scalar value as it is encoded, for a metric, a cell or a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Int(u32),
    Long(u64),
    Float(f32),
    Double(f64),
    Boolean(bool),
    Text(String),
}

/// A scalar value with its meaning.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plain {
    Integer(i128),
    Float(f64),
    Boolean(bool),
    Text(String),
}

impl Scalar {
    /// The name of its field.
    fn form(&self) -> &'static str {
        match self {
            Self::Int(_) => "int_value",
            Self::Long(_) => "long_value",
            Self::Float(_) => "float_value",
            Self::Double(_) => "double_value",
            Self::Boolean(_) => "boolean_value",
            Self::Text(_) => "string_value",
        }
    }
}

impl DataType {
    /// The datatype with a number of the specification.
    pub(super) fn from_code(code: u32) -> Option<Self> {
        let integer = |bits, is_signed| Self::Integer { bits, is_signed };
        let integers = |bytes, is_signed| Self::Array(Element::Integer { bytes, is_signed });
        Some(match code {
            0 => Self::Unknown,
            1 => integer(8, true),
            2 => integer(16, true),
            3 => integer(32, true),
            4 => integer(64, true),
            5 => integer(8, false),
            6 => integer(16, false),
            7 => integer(32, false),
            8 => integer(64, false),
            9 | 10 => Self::Float,
            11 => Self::Boolean,
            12 | 14 | 15 => Self::Text,
            13 => Self::DateTime,
            16 => Self::DataSet,
            17 | 18 => Self::Bytes,
            19 => Self::Template,
            22 => integers(1, true),
            23 => integers(2, true),
            24 => integers(4, true),
            25 => integers(8, true),
            26 => integers(1, false),
            27 => integers(2, false),
            28 => integers(4, false),
            29 => integers(8, false),
            30 => Self::Array(Element::Float),
            31 => Self::Array(Element::Double),
            32 => Self::Array(Element::Boolean),
            33 => Self::Array(Element::Text),
            34 => Self::Array(Element::DateTime),
            _ => return None,
        })
    }

    /// Gives a scalar value its meaning, or says why the datatype forbids it.
    pub(super) fn read(self, scalar: Scalar) -> Result<Plain, String> {
        match (self, scalar) {
            (Self::Integer { bits, is_signed }, Scalar::Int(bits_32)) => {
                integer(bits_32.into(), 32, bits, is_signed)
            }
            (Self::Integer { bits, is_signed }, Scalar::Long(bits_64)) => {
                integer(bits_64, 64, bits, is_signed)
            }
            (Self::Float | Self::Unknown, Scalar::Float(float)) => Ok(Plain::Float(widen(float))),
            (Self::Float | Self::Unknown, Scalar::Double(float)) => Ok(Plain::Float(float)),
            (Self::Boolean | Self::Unknown, Scalar::Boolean(is_set)) => Ok(Plain::Boolean(is_set)),
            (Self::Text | Self::Unknown, Scalar::Text(text)) => Ok(Plain::Text(text)),
            (Self::DateTime, Scalar::Long(ms)) => date_time(ms).map(Plain::Text),
            (Self::DateTime, Scalar::Int(ms)) => date_time(ms.into()).map(Plain::Text),
            (Self::Unknown, Scalar::Int(number)) => Ok(Plain::Integer(number.into())),
            (Self::Unknown, Scalar::Long(number)) => Ok(Plain::Integer(number.into())),
            (datatype, scalar) => {
                let form = scalar.form();
                Err(format!(
                    "its form {form} is not that of the datatype {datatype:?}"
                ))
            }
        }
    }
}

/// A whole number. Negative ones are in two's complement, of the datatype's or the field's width
/// (6.4.17 does not say which, and both are in use).
fn integer(value: u64, field_bits: u32, bits: u32, is_signed: bool) -> Result<Plain, String> {
    let values = 1i128 << bits;
    let value = i128::from(value);
    if !is_signed {
        let fits = value < values;
        return match fits {
            true => Ok(Plain::Integer(value)),
            false => Err(format!("{value} needs more than {bits} bits")),
        };
    }
    let half = values / 2;
    let field_values = 1i128 << field_bits;
    if value < half {
        Ok(Plain::Integer(value))
    } else if value < values {
        Ok(Plain::Integer(value - values))
    } else if value >= field_values - half {
        Ok(Plain::Integer(value - field_values))
    } else {
        Err(format!("{value} needs more than {bits} bits"))
    }
}

/// The shortest decimal that means this float: 21.6 and not 21.600000381.
pub(super) fn widen(float: f32) -> f64 {
    float.to_string().parse().unwrap_or_else(|_| float.into())
}

/// Milliseconds since the Unix epoch as ISO 8601 in UTC.
pub(super) fn date_time(ms: u64) -> Result<String, String> {
    let time = i64::try_from(ms).ok();
    let time = time.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let time = time.ok_or_else(|| format!("{ms} ms are after the year 9999"))?;
    Ok(format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: u32, scalar: Scalar, expected: Result<Plain, ()>) {
        let datatype = DataType::from_code(code).unwrap();
        let read = datatype.read(scalar.clone());
        assert_eq!(read.map_err(|_| ()), expected, "{code} {scalar:?}");
    }

    #[test]
    fn whole_numbers_are_read_in_both_widths_and_in_their_range() {
        for (code, scalar, expected) in [
            (1, Scalar::Int(0xff), -1),
            (1, Scalar::Int(0xffff_ffff), -1),
            (1, Scalar::Int(127), 127),
            (2, Scalar::Int(0x8000), -32_768),
            (3, Scalar::Int(0xffff_fffe), -2),
            (3, Scalar::Long(u64::MAX), -1),
            (4, Scalar::Long(u64::MAX), -1),
            (4, Scalar::Long(1 << 62), 1 << 62),
            (5, Scalar::Int(255), 255),
            (7, Scalar::Int(u32::MAX), u32::MAX.into()),
            (7, Scalar::Long(u32::MAX.into()), u32::MAX.into()),
            (8, Scalar::Long(u64::MAX), u64::MAX.into()),
            (0, Scalar::Int(7), 7),
        ] {
            check(code, scalar, Ok(Plain::Integer(expected)));
        }
        for (code, scalar) in [
            (1, Scalar::Int(0x1_00)),
            (2, Scalar::Int(0x7fff_ffff)),
            (3, Scalar::Long(1 << 32)),
            (5, Scalar::Int(256)),
            (7, Scalar::Long(1 << 32)),
            (7, Scalar::Text("1".into())),
            (11, Scalar::Int(1)),
        ] {
            check(code, scalar, Err(()));
        }
    }

    #[test]
    fn other_scalars_are_read_by_their_datatype() {
        check(9, Scalar::Float(21.6), Ok(Plain::Float(21.6)));
        check(10, Scalar::Double(-0.5), Ok(Plain::Float(-0.5)));
        check(11, Scalar::Boolean(true), Ok(Plain::Boolean(true)));
        check(15, Scalar::Text("a".into()), Ok(Plain::Text("a".into())));
        let time = "2022-06-24T21:57:55.000Z";
        let expected = Ok(Plain::Text(time.into()));
        check(13, Scalar::Long(1_656_107_875_000), expected);
        check(13, Scalar::Long(u64::MAX), Err(()));
        assert_eq!(DataType::from_code(35), None);
        assert_eq!(DataType::from_code(20), None);
    }
}
