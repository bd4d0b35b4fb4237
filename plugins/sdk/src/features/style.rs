//! Text that a page hides by inline styles, where senders put filler that makes each copy of a mail different.

/// How an element is hidden. Its content inherits this.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hiding {
    /// Not rendered: `display:none`, `mso-hide:all`, the `hidden` attribute. No element inside it is shown.
    is_removed: bool,
    /// `visibility:hidden`. An element inside it is shown with `visibility:visible`.
    is_invisible: bool,
    /// `font-size:0`. An element inside it is shown with an absolute size; layouts of mails rely on that.
    is_tiny: bool,
}

impl Hiding {
    /// The content of an element that is never text, such as `script`.
    pub(crate) const REMOVED: Self = Self { is_removed: true, is_invisible: false, is_tiny: false };

    /// Returns whether text in this element is hidden.
    pub(crate) fn is_hidden(self) -> bool {
        self.is_removed || self.is_invisible || self.is_tiny
    }

    /// Returns the state of an element inside this one that has this `style` attribute.
    ///
    /// Reads declarations as CSS does (the last one of a property applies), without escapes, variables and style sheets.
    pub(crate) fn inside(self, style: &str) -> Self {
        let mut inner = self;
        let style = without_comments(style).to_ascii_lowercase();
        let (mut is_displayed, mut is_in_outlook) = (true, true);
        for (property, value) in style.split(';').filter_map(|declaration| declaration.split_once(':')) {
            let value = value.trim();
            let value = value.strip_suffix("!important").map_or(value, str::trim_end);
            match property.trim() {
                "display" => is_displayed = value != "none",
                "mso-hide" => is_in_outlook = value != "all",
                "visibility" => match value {
                    "hidden" | "collapse" => inner.is_invisible = true,
                    "visible" => inner.is_invisible = false,
                    _ => {}
                },
                "font-size" => inner.size(value),
                "font" => {
                    let is_size = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit() || c == '.');
                    if let Some(size) = value.split_whitespace().find(is_size) {
                        inner.size(size.split('/').next().unwrap_or(size));
                    }
                }
                _ => {}
            }
        }
        inner.is_removed |= !is_displayed || !is_in_outlook;
        inner
    }

    /// Applies a font size. One that is relative to the size outside keeps what that is.
    fn size(&mut self, value: &str) {
        let unit = value.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-'));
        match value[..value.len() - unit.len()].parse::<f32>() {
            Ok(0.0) => self.is_tiny = true,
            Ok(_) if !matches!(unit, "em" | "ex" | "ch" | "%") => self.is_tiny = false,
            Ok(_) => {}
            Err(_) => {
                let absolute = ["xx-small", "x-small", "small", "medium", "large", "x-large", "xx-large", "initial"];
                self.is_tiny &= !absolute.contains(&value);
            }
        }
    }
}

fn without_comments(style: &str) -> String {
    let mut kept = String::with_capacity(style.len());
    let mut rest = style;
    while let Some((before, after)) = rest.split_once("/*") {
        kept.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn styles_that_hide() {
        for (style, is_hidden) in [
            ("display:none", true),
            ("color:red; DISPLAY : None !important", true),
            ("display:none;display:block", false),
            ("dis/**/play:none/* x", true),
            ("visibility:hidden", true),
            ("visibility: visible", false),
            ("font-size:0", true),
            ("font-size: 0.0px!important;", true),
            ("font-size:10px", false),
            ("font:0/0 a", true),
            ("font:bold 12px/14px Arial", false),
            ("mso-hide:all", true),
            ("background:url(data:x;display:block)", false),
            ("font-size:+-.", false),
            ("", false),
        ] {
            assert_eq!(Hiding::default().inside(style).is_hidden(), is_hidden, "{style}");
        }
    }

    #[test]
    fn what_an_element_inside_can_show_again() {
        for (outer, inner, is_hidden) in [
            ("font-size:0", "font-size:13px", false),
            ("font-size:0", "font:13px Arial", false),
            ("font-size:0", "font-size:100%", true),
            ("font-size:0", "color:red", true),
            ("visibility:hidden", "visibility:visible", false),
            ("display:none", "display:block;visibility:visible", true),
        ] {
            assert_eq!(Hiding::default().inside(outer).inside(inner).is_hidden(), is_hidden, "{outer} / {inner}");
        }
    }

    proptest! {
        #[test]
        fn no_style_stops_it(style in "(display|font|-size|font-size|:|;|0|\\.|px|é|/\\*|\\*/|none| |!important|\\PC){0,30}") {
            Hiding::default().inside(&style);
        }
    }
}
