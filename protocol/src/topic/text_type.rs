//! The traits that [`Topic`](super::Topic) and [`Filter`](super::Filter) share: both are checked
//! text.

/// Implements the traits of a checked text: `$name` is a tuple struct around an `Arc<str>` with a
/// constructor `new(&str) -> Result<Self, TopicError>`.
macro_rules! text_type {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::topic::rules::TopicError;

            fn from_str(text: &str) -> Result<Self, $crate::topic::rules::TopicError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::topic::rules::TopicError;

            fn try_from(text: String) -> Result<Self, $crate::topic::rules::TopicError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().into()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl bincode::Encode for $name {
            fn encode<E: bincode::enc::Encoder>(
                &self,
                encoder: &mut E,
            ) -> Result<(), bincode::error::EncodeError> {
                self.0.encode(encoder)
            }
        }

        impl<C> bincode::Decode<C> for $name {
            fn decode<D: bincode::de::Decoder<Context = C>>(
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                let text = String::decode(decoder)?;
                Self::new(&text).map_err(|error| {
                    bincode::error::DecodeError::OtherString(format!("topic {text:?}: {error}"))
                })
            }
        }

        bincode::impl_borrow_decode!($name);
    };
}

pub(super) use text_type;
