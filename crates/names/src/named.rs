//! The table of an enum.

/// Declares an enum without data whose variants have names.
///
/// What it gets besides the usual derives (`Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug`):
///
/// - `ALL`, every variant in the order of the table, and `NAMES`, their names in the same order;
/// - `KIND`, the word that stands behind the enum's name, for messages;
/// - `name()`, and the same as `Display`;
/// - `code()`, the place in the table from 0, for files and kernels in other languages;
/// - `FromStr`, whose error is an [`UnknownName`](crate::UnknownName);
/// - serde's `Serialize` and `Deserialize` by name;
/// - [`Named`](crate::Named), for code that is generic over such enums.
///
/// A variant that is added to the table is in all of these; a `match` over the enum that has no wildcard arm then
/// does not compile until it handles it.
///
/// ```
/// tunefork_names::named_enum! {
///     /// The rules that change weights.
///     pub enum Rule: "optimizer" {
///         /// Stochastic gradient descent.
///         Sgd = "sgd",
///         /// Adam.
///         Adam = "adam",
///     }
/// }
///
/// assert_eq!(Rule::NAMES, ["sgd", "adam"]);
/// assert_eq!(Rule::Adam.code(), 1);
/// ```
#[macro_export]
macro_rules! named_enum {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $Enum:ident: $kind:literal {
            $($(#[$of_variant:meta])* $Variant:ident = $name:literal),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        $visibility enum $Enum {
            $($(#[$of_variant])* $Variant,)+
        }

        impl $Enum {
            /// What one of these is called in a message.
            pub const KIND: &'static str = $kind;
            /// Every variant, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),+];
            /// The names, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name as users write it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $name,)+
                }
            }

            /// The place in the table, from 0.
            pub const fn code(self) -> u32 {
                self as u32
            }
        }

        impl $crate::Named for $Enum {
            const NAMES: &'static [&'static str] = Self::NAMES;
        }

        impl ::std::fmt::Display for $Enum {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl ::std::str::FromStr for $Enum {
            type Err = $crate::UnknownName;

            /// Reads one of the names.
            fn from_str(text: &str) -> ::std::result::Result<Self, $crate::UnknownName> {
                let found = Self::ALL.iter().find(|one| one.name() == text);
                found.copied().ok_or_else(|| $crate::UnknownName::new(Self::KIND, text, Self::NAMES))
            }
        }

        impl $crate::serde::Serialize for $Enum {
            fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $Enum {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                let text = <::std::string::String as $crate::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err($crate::serde::de::Error::custom)
            }
        }
    };
}
