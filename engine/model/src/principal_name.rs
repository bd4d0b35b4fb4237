//! Names of principals. A name is shown in the history, in lists and to every voter, so it must not be mistaken for
//! another name.

use unicode_security::confusable_detection::skeleton;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection as _};

use crate::normal::normalise;
use crate::text::{is_deceptive, visible_line};

/// The longest name of a principal, in characters.
pub const LONGEST_PRINCIPAL: usize = 200;

/// Names that the history uses for the program, or for nobody.
const RESERVED: [&str; 5] = ["automation", "clawback", "init", "nobody", "system"];
/// Characters that separate names, or the parts of a path.
const SEPARATORS: [char; 3] = [',', ';', '/'];

/// Why a text cannot be the name of a principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum NameRefused {
    #[error("the name of a principal has 1 to {LONGEST_PRINCIPAL} characters; choose another name")]
    Length,
    #[error(
        "`{0}` cannot be a name: it has white space at an end, or other white space than single blanks; choose another name"
    )]
    WhiteSpace(String),
    #[error("`{0}` cannot be a name: it has a control or invisible character in it; choose another name")]
    Invisible(String),
    #[error("`{name}` cannot be a name: `{separator}` separates names or the parts of a path; choose another name")]
    Separator { name: String, separator: char },
    #[error("`{0}` cannot be a name: it means a folder in a path; choose another name")]
    Path(String),
    #[error(
        "`{name}` cannot be a name: it reads as `{reserved}`, which is reserved for the program or for nobody; choose another name"
    )]
    Reserved { name: String, reserved: &'static str },
    #[error("`{0}` cannot be a name: its letters are of scripts that are not written together; choose another name")]
    MixedScripts(String),
    #[error("`{name}` cannot be a name: it reads as `{known}`, which is a principal already; choose another name")]
    LooksLike { name: String, known: String },
}

/// Checks whether this can be the name of a new principal next to the `known` ones. Names are compared without case and
/// by their skeletons (Unicode Technical Standard 39, section 4); scripts may be mixed up to its level Highly
/// Restrictive (section 5.2). A name that is equal to a `known` one is not refused here: the caller reports that it
/// exists.
///
/// # Errors
/// Returns the text, escaped for display, and the rule that it breaks.
pub fn check_principal_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Result<(), NameRefused> {
    let shown = || visible_line(name, LONGEST_PRINCIPAL);
    if !(1..=LONGEST_PRINCIPAL).contains(&name.chars().count()) {
        return Err(NameRefused::Length);
    }
    if name.trim() != name || name.contains("  ") || name.chars().any(|c| c.is_whitespace() && c != ' ') {
        return Err(NameRefused::WhiteSpace(shown()));
    }
    if name.chars().any(is_deceptive) {
        return Err(NameRefused::Invisible(shown()));
    }
    let plain = normalise(name);
    if let Some(separator) = SEPARATORS.into_iter().find(|separator| plain.contains(*separator)) {
        return Err(NameRefused::Separator { name: shown(), separator });
    }
    if matches!(name, "." | "..") {
        return Err(NameRefused::Path(shown()));
    }
    let looks = Looks::of(name);
    if let Some(reserved) = RESERVED.into_iter().find(|reserved| looks.like(reserved)) {
        return Err(NameRefused::Reserved { name: shown(), reserved });
    }
    if let Some(known) = known.into_iter().find(|known| *known != name && looks.like(known)) {
        return Err(NameRefused::LooksLike { name: shown(), known: visible_line(known, LONGEST_PRINCIPAL) });
    }
    let letters: String = name.chars().filter(|c| c.is_alphabetic()).collect();
    if letters.detect_restriction_level() > RestrictionLevel::HighlyRestrictive {
        return Err(NameRefused::MixedScripts(shown()));
    }
    Ok(())
}

/// The skeletons of a name. A skeleton distinguishes `I` from `i` but not from `l`, so case is folded before and after.
struct Looks {
    folded_first: String,
    folded_last: String,
}

impl Looks {
    fn of(name: &str) -> Self {
        let folded = normalise(name);
        Self { folded_first: normalise(&skeleton_of(&folded)), folded_last: normalise(&skeleton_of(name)) }
    }

    fn like(&self, other: &str) -> bool {
        let other = Self::of(other);
        self.folded_first == other.folded_first || self.folded_last == other.folded_last
    }
}

fn skeleton_of(text: &str) -> String {
    skeleton(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["ann", "ben", "Ivan", "иван", "mara"];

    #[test]
    fn names_of_people_and_programs_pass() {
        for good in [
            "zoe",
            "Zoë",
            "Ann Boleyn",
            "siem@corp.example",
            "o'neill",
            "jean-luc",
            "CORP\\carl",
            "soar.prod_1",
            "анна",
            "李明",
            "山田たろう",
            "김철수",
            "李Ming",
            "Σοφία",
            "مريم",
            "ann2",
            "bean",
            "x509",
            &"a".repeat(200),
        ] {
            assert_eq!(check_principal_name(good, KNOWN), Ok(()), "{good}");
        }
        assert_eq!(check_principal_name("ann", KNOWN), Ok(()), "the caller says that it exists");
    }

    #[test]
    fn what_reads_as_something_else_is_refused() {
        let refused = |name: &str| check_principal_name(name, KNOWN).unwrap_err();
        for long in ["", &"a".repeat(201)] {
            assert_eq!(refused(long), NameRefused::Length);
        }
        for name in [" zoe", "zoe ", "zoe\u{a0}b", "zoe  b", "zoe\tb", "zoe\nb"] {
            assert!(matches!(refused(name), NameRefused::WhiteSpace(_)), "{name:?}");
        }
        for name in ["zoe\u{202e}", "z\u{200b}oe", "\u{1b}[31m", "zoe\u{0}"] {
            assert!(matches!(refused(name), NameRefused::Invisible(_)), "{name:?}");
        }
        for name in ["ann, ben", "zoe;carl", "corp/zoe", "zoe，carl", "https://id.example"] {
            assert!(matches!(refused(name), NameRefused::Separator { .. }), "{name:?}");
        }
        for name in [".", ".."] {
            assert!(matches!(refused(name), NameRefused::Path(_)), "{name:?}");
        }
        for name in ["automation", "Automation", "аutomation", "AUTOMATI0N", "c1awback", "ⅰnit", "Nobody", "SYSTEM"]
        {
            assert!(matches!(refused(name), NameRefused::Reserved { .. }), "{name:?}");
        }
        for name in ["zоe", "kаrl", "Ωmega"] {
            assert!(matches!(refused(name), NameRefused::MixedScripts(_)), "{name:?}");
        }
    }

    #[test]
    fn a_known_name_cannot_be_imitated() {
        for (name, known) in [
            ("Ben", "ben"),
            ("BEN", "ben"),
            ("ｂｅｎ", "ben"),
            ("lvan", "Ivan"),
            ("1van", "Ivan"),
            ("ivan", "Ivan"),
            ("ИВАН", "иван"),
            ("rnara", "mara"),
            ("Mara", "mara"),
        ] {
            let expected = NameRefused::LooksLike { name: name.to_owned(), known: known.to_owned() };
            assert_eq!(check_principal_name(name, KNOWN), Err(expected));
        }
        // All letters are of another script, so no scripts are mixed.
        assert!(matches!(check_principal_name("аре", ["ape"]), Err(NameRefused::LooksLike { .. })));
    }
}
