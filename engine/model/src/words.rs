//! The word that each value of an enum has in JSON, SQL, playbooks and on pages.

/// Gives an enum without fields, which derives `EnumCount`, `IntoStaticStr` and `VariantArray` of strum, its
/// `ALL` and `as_str`, and writes and reads it by its word. The noun names the enum in the error about an unknown word.
#[macro_export]
macro_rules! words {
    ($kind:ident, $noun:literal) => {
        impl $kind {
            /// Every value, in the order of the declaration.
            pub const ALL: [Self; <Self as ::strum::EnumCount>::COUNT] =
                *<Self as ::strum::VariantArray>::VARIANTS.first_chunk().expect("COUNT is the number of variants");

            /// The word in JSON, SQL, playbooks and on pages.
            pub fn as_str(self) -> &'static str {
                self.into()
            }
        }

        impl ::std::fmt::Display for $kind {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $kind {
            type Err = $crate::UnknownWord;

            fn from_str(given: &str) -> Result<Self, $crate::UnknownWord> {
                let known = Self::ALL.into_iter().find(|one| one.as_str() == given);
                known.ok_or_else(|| $crate::UnknownWord::new($noun, given, Self::ALL.map(Self::as_str)))
            }
        }
    };
}
