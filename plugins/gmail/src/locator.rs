//! The id of a message, which Google writes in hexadecimal. It stays when the message moves.

/// Returns the locator as an id, unless it is none of Google's: nothing else becomes part of a path.
pub(crate) fn id(locator: &str) -> Option<&str> {
    let is_id = (1..=20).contains(&locator.len()) && locator.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then_some(locator)
}

#[cfg(test)]
mod tests {
    use super::id;

    #[test]
    fn nothing_else_is_an_id() {
        assert_eq!(id("19ab0000000000ff"), Some("19ab0000000000ff"));
        for wrong in ["", "nowhere", "a/b", "..", "a?b", "%2e", "0123456789abcdef01234"] {
            assert_eq!(id(wrong), None, "{wrong}");
        }
    }
}
