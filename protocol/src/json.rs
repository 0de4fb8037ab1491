//! JSON forms of single fields for which serde's default would lose digits or be clumsy to write by
//! hand. Each module is for `#[serde(with = "...")]`.

/// An integer as a string of decimal digits: JavaScript would round a number above 2^53.
pub(crate) mod decimal_string {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        if text.starts_with('+') {
            return Err(D::Error::custom(format!(
                "integer {text:?}: it begins with '+'"
            )));
        }
        text.parse()
            .map_err(|error| D::Error::custom(format!("integer {text:?}: {error}")))
    }
}

/// The same for an optional integer.
pub(crate) mod opt_decimal_string {
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(transparent)]
    struct DecimalString(#[serde(with = "super::decimal_string")] i64);

    // serde's `with` requires this signature.
    #[allow(clippy::ref_option)]
    pub(crate) fn serialize<S: Serializer>(
        value: &Option<i64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::decimal_string::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<i64>, D::Error> {
        Ok(Option::<DecimalString>::deserialize(deserializer)?.map(|DecimalString(value)| value))
    }
}

/// An integer of 64 bits as 16 hexadecimal digits.
pub(crate) mod hex_digits {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    const DIGITS: usize = 16;

    // serde's `with` requires this signature.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub(crate) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:0DIGITS$x}"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        parse(&text)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is not 16 hexadecimal digits")))
    }

    pub(crate) fn parse(text: &str) -> Option<u64> {
        let are_digits = text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok();
        number.filter(|_| are_digits)
    }
}

/// A float, which may be NaN or infinite. JSON has no such numbers, so they are the strings
/// `"NaN"`, `"Infinity"` and `"-Infinity"`, as JavaScript names them.
pub(crate) mod any_f64 {
    use std::fmt;

    use serde::{
        Deserializer, Serializer,
        de::{Error, Visitor},
    };

    // serde's `with` requires this signature.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            serializer.serialize_f64(*value)
        } else if value.is_nan() {
            serializer.serialize_str("NaN")
        } else if *value > 0.0 {
            serializer.serialize_str("Infinity")
        } else {
            serializer.serialize_str("-Infinity")
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        deserializer.deserialize_any(NumberOrName)
    }

    /// A float that JSON has only as a name.
    pub(crate) fn from_name(name: &str) -> Option<f64> {
        match name {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        }
    }

    struct NumberOrName;

    impl Visitor<'_> for NumberOrName {
        type Value = f64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
        }

        fn visit_f64<E: Error>(self, number: f64) -> Result<f64, E> {
            Ok(number)
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<f64, E> {
            Ok(number as f64)
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<f64, E> {
            Ok(number as f64)
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<f64, E> {
            from_name(name).ok_or_else(|| E::custom(format!("{name:?} is not a number")))
        }
    }
}

/// Bytes as base64 (RFC 4648, section 4, with padding).
pub(crate) mod base64_bytes {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        decode(&text).ok_or_else(|| D::Error::custom("bytes are not base64"))
    }

    pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(text).ok()
    }
}
