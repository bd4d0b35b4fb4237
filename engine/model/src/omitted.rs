//! Values that are left out of JSON.

/// Returns whether a value is the one that its field has if it is left out: for `skip_serializing_if`.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
