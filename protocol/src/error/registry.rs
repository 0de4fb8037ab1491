//! The form of a registry of codes: an enum whose variants have a number and a short text.

/// Defines such an enum.
macro_rules! registry {
    (
        $(#[$enum_meta:meta])*
        $name:ident { $($(#[$meta:meta])* $variant:ident = $number:literal, $text:literal;)* }
    ) => {
        $(#[$enum_meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum $name {
            $($(#[$meta])* $variant = $number,)*
        }

        impl $name {
            /// All codes, by number.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The number on the wire.
            pub fn number(self) -> u16 {
                self as u16
            }

            /// What it means, in a few words.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The meaning of a number, if the registry has it.
            pub fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{} ({})", self.text(), self.number())
            }
        }
    };
}

pub(super) use registry;
