//! Limits on texts that callers supply. What is stored is also shown in lists, and each list is one response.

use crate::inputs::Inputs;
use crate::likeness::LONGEST_ROOT;
use crate::pick::Picked;

/// The longest name, in characters.
pub const LONGEST_NAME: usize = 200;
/// The longest description, comment or reason, in characters.
pub const LONGEST_TEXT: usize = 4_000;
/// The most inputs, counted by name.
const MOST_INPUTS: usize = 100;
/// The most values of all inputs together.
const MOST_VALUES: usize = 5_000;
/// The most bytes of all values of all inputs: a root, and a thousand addresses.
const LARGEST_INPUTS: usize = LONGEST_ROOT + (48 << 10);

/// A text or a list that is over its limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} may have {most} {unit} at most, and {has} were given")]
pub struct TooLong {
    /// The name of the thing, such as `the description`.
    pub what: String,
    /// The unit that is counted.
    pub unit: &'static str,
    /// The limit.
    pub most: usize,
    /// The number that was given.
    pub has: usize,
}

fn within(what: &str, unit: &'static str, most: usize, has: usize) -> Result<(), TooLong> {
    if has > most { Err(TooLong { what: what.to_owned(), unit, most, has }) } else { Ok(()) }
}

/// Refuses a text of more than `most` characters.
pub fn check_length(what: &str, most: usize, text: &str) -> Result<(), TooLong> {
    within(what, "characters", most, text.chars().count())
}

/// Refuses inputs that are over a limit.
pub fn check_inputs(inputs: &Inputs) -> Result<(), TooLong> {
    within("the inputs", "names", MOST_INPUTS, inputs.iter().count())?;
    within("the inputs", "values", MOST_VALUES, inputs.pairs().count())?;
    let bytes = inputs.iter().map(|(name, values)| name.len() + values.iter().map(String::len).sum::<usize>()).sum();
    within("the inputs", "bytes", LARGEST_INPUTS, bytes)
}

/// Refuses picked messages whose names are longer than any message's.
pub fn check_picked(picked: &[Picked]) -> Result<(), TooLong> {
    for Picked { mailbox, message_id, fingerprint, locator } in picked {
        for text in [Some(mailbox), Some(message_id), fingerprint.as_ref(), locator.as_ref()].into_iter().flatten() {
            check_length("each field of a picked message", LONGEST_TEXT, text)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_names_what_is_too_long_and_by_how_much() {
        assert_eq!(check_length("the name", 3, "äöü"), Ok(()));
        assert_eq!(
            check_length("the name", 3, "abcd").unwrap_err().to_string(),
            "the name may have 3 characters at most, and 4 were given"
        );
    }

    #[test]
    fn inputs_are_bounded_in_every_direction() {
        let many = |names: usize, values: usize, value: &str| {
            let pairs = (0..names).flat_map(|name| (0..values).map(move |_| (format!("n{name}"), value.to_owned())));
            check_inputs(&pairs.collect::<Inputs>()).map_err(|refused| refused.unit)
        };
        assert_eq!(many(100, 50, "x"), Ok(()));
        assert_eq!(many(1, 2_000, "somebody.longer@corp.example"), Ok(()));
        assert_eq!((many(101, 1, "x"), many(10, 501, "x")), (Err("names"), Err("values")));
        assert_eq!(many(1, 1, &"x".repeat(LARGEST_INPUTS)), Err("bytes"));
    }

    #[test]
    fn picked_messages_have_names_that_a_message_can_have() {
        let mut picked = Picked { mailbox: "ann@corp.example".into(), ..Picked::default() };
        assert_eq!(check_picked(std::slice::from_ref(&picked)), Ok(()));
        picked.locator = Some("x".repeat(4_001));
        assert!(check_picked(&[picked]).is_err());
    }
}
