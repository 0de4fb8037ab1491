//! How single fields look in JSON where serde's default would lose digits or be clumsy to write by
//! hand.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::message::{Epoch, FilterRequest, Resume};

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Epoch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Epoch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|error| de::Error::custom(format!("epoch {text:?} is {error}")))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilterWithResume {
    filter: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resume: Option<Resume>,
}

impl Serialize for FilterRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.resume {
            None => serializer.serialize_str(&self.filter),
            resume @ Some(_) => FilterWithResume {
                filter: self.filter.clone(),
                resume,
            }
            .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for FilterRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringOrObject;

        impl<'de> de::Visitor<'de> for StringOrObject {
            type Value = FilterRequest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a filter as a string, or an object with \"filter\" and \"resume\"")
            }

            fn visit_str<E: de::Error>(self, filter: &str) -> Result<FilterRequest, E> {
                Ok(filter.into())
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<FilterRequest, A::Error> {
                FilterWithResume::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(|FilterWithResume { filter, resume }| FilterRequest { filter, resume })
            }
        }

        deserializer.deserialize_any(StringOrObject)
    }
}

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
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|error| D::Error::custom(format!("integer {text:?}: {error}")))
    }
}

/// The same for an optional one.
pub(crate) mod opt_decimal_string {
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Text(#[serde(with = "super::decimal_string")] i64);

    // serde's `with` asks for this signature.
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
        Ok(Option::<Text>::deserialize(deserializer)?.map(|Text(value)| value))
    }
}
