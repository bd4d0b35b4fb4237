//! A rule, and how it is found to be broken.

/// Tells how a rule was broken.
pub(super) type Kept = Result<(), String>;

/// Ends a rule with these words, unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err(format!($($words)+));
        }
    };
}
pub(super) use ensure;
