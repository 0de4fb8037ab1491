//! Objects and names in JSON, without what serde accepts besides: a list in place of an object, and
//! an object in place of a name. A type derives serde's traits with `#[serde(remote = "Self")]` and
//! uses one of the macros.

use serde::{Deserialize, Deserializer};

/// A member that may be missing and that may be `null`, which is the same.
pub(crate) fn null_is_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Implements serde's traits for a struct that is an object in JSON.
macro_rules! strict_object {
    ($name:ident) => {
        $crate::strict_json::serialize_as_derived!($name);

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;

                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        map: A,
                    ) -> Result<$name, A::Error> {
                        $name::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    }
                }

                deserializer.deserialize_map(Fields)
            }
        }
    };
}

/// Implements serde's traits for an enum that is a name in JSON.
macro_rules! strict_name {
    ($name:ident) => {
        $crate::strict_json::serialize_as_derived!($name);

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Name;

                impl serde::de::Visitor<'_> for Name {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a name")
                    }

                    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<$name, E> {
                        $name::deserialize(serde::de::value::StrDeserializer::new(name))
                    }
                }

                deserializer.deserialize_str(Name)
            }
        }
    };
}

/// Serializes as serde derives it.
macro_rules! serialize_as_derived {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $name::serialize(self, serializer)
            }
        }
    };
}

pub(crate) use {serialize_as_derived, strict_name, strict_object};
