//! Messages of one campaign: the same sender and the same subject, with its numbers folded.

/// What stands for a number.
const NUMBER: char = '#';

/// Returns the subject with each run of digits as `#`, and each run of white space as one space.
pub fn campaign_subject(subject: &str) -> String {
    let mut folded = String::with_capacity(subject.len());
    for c in subject.trim().chars() {
        let one = if c.is_numeric() {
            NUMBER
        } else if c.is_whitespace() {
            ' '
        } else {
            c
        };
        if !(matches!(one, NUMBER | ' ') && folded.ends_with(one)) {
            folded.push(one);
        }
    }
    folded
}

/// Returns the regular expression of the subjects that [`campaign_subject`] folds to this one.
pub fn campaign_pattern(folded: &str) -> String {
    let mut pattern = String::from("^");
    for c in folded.chars() {
        match c {
            NUMBER => pattern.push_str(r"[\pN#]+"),
            ' ' => pattern.push_str(r"\s+"),
            _ => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    pattern.push('$');
    pattern
}

/// Returns the regular expression of exactly this text.
pub fn exact_pattern(text: &str) -> String {
    format!("^{}$", regex::escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Pattern;

    #[test]
    fn numbers_and_white_space_are_folded() {
        assert_eq!(campaign_subject(" You won  399 of 400!\t"), "You won # of #!");
        assert_eq!(campaign_subject(""), "");
        for subject in ["You won 7 of 10!", "Invoice #12 (a+b) [x]", "1", "50 %", "<b>\"&'~@`", "Größe 日本 ２３ 🙂"]
        {
            let folded = campaign_subject(subject);
            let pattern: Pattern = campaign_pattern(&folded).parse().unwrap();
            assert!(pattern.matches(subject), "{subject}: {}", pattern.as_str());
            assert!(!pattern.matches(&format!("Re: {subject}")), "{subject}");
            let exact: Pattern = exact_pattern(subject).parse().unwrap();
            assert!(exact.matches(subject) && !exact.matches(&format!("{subject}x")), "{subject}");
        }
        let pattern: Pattern = campaign_pattern("You won # of #!").parse().unwrap();
        assert!(pattern.matches("You won 1234 of 9!") && !pattern.matches("You won a of 9!"));
    }
}
