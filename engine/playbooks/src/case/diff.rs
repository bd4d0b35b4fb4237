//! A line-by-line difference of two texts.

use std::fmt::Write as _;

/// The most lines that are compared with each other; with more, the difference is shown as one block.
const MOST: usize = 2_000;
/// The equal lines that are shown around a difference.
const AROUND: usize = 2;

/// Returns the difference: `- ` before what was expected, `+ ` before what was found, with a few equal lines around.
pub fn difference(expected: &str, found: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.trim().lines().collect(), found.trim().lines().collect());
    let before = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let rest = old[before..].iter().rev().zip(new[before..].iter().rev());
    let after = rest.take_while(|(one, other)| one == other).count();
    let (old_end, new_end) = (old.len() - after, new.len() - after);
    let mut lines: Vec<(char, &str)> = old[..before].iter().map(|line| (' ', *line)).collect();
    lines.extend(middle(&old[before..old_end], &new[before..new_end]));
    lines.extend(old[old_end..].iter().map(|line| (' ', *line)));
    shown(&lines)
}

/// Returns the shortest edit from one to the other, by the longest common subsequence of lines.
fn middle<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    if old.len() > MOST || new.len() > MOST {
        return old.iter().map(|line| ('-', *line)).chain(new.iter().map(|line| ('+', *line))).collect();
    }
    // `common[i][j]`: the number of common lines after i and j.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] =
                if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(('-', old[i]));
            i += 1;
        } else {
            lines.push(('+', new[j]));
            j += 1;
        }
    }
    lines
}

/// Drops equal lines far from any change.
fn shown(lines: &[(char, &str)]) -> String {
    let mut text = String::new();
    let mut left_out = false;
    for (number, (sign, line)) in lines.iter().enumerate() {
        let around = &lines[number.saturating_sub(AROUND)..lines.len().min(number + AROUND + 1)];
        if around.iter().any(|(sign, _)| *sign != ' ') {
            if left_out {
                text.push_str("  ...\n");
            }
            let _ = writeln!(text, "{sign} {line}");
            left_out = false;
        } else {
            left_out = true;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_stands_among_a_few_equal_lines() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh";
        assert_eq!(difference(old, &old.replace("e\n", "x\ny\n")), "  ...\n  c\n  d\n- e\n+ x\n+ y\n  f\n  g\n");
        assert_eq!(difference("a\nb\nc", "b\nc\nd"), "- a\n  b\n  c\n+ d\n");
        assert_eq!(difference("a", ""), "- a\n");
        assert_eq!(difference("a\n", "a"), "");
        let new = old.replace('a', "x").replace('h', "y");
        assert_eq!(difference(old, &new), "- a\n+ x\n  b\n  c\n  ...\n  f\n  g\n- h\n+ y\n");
    }

    #[test]
    fn texts_without_a_common_line_are_shown_one_after_the_other() {
        let long = |name: &str| (0..3_000).map(|line| format!("{name}{line}")).collect::<Vec<_>>().join("\n");
        let shown = difference(&long("a"), &long("b"));
        assert!(shown.starts_with("- a0\n- a1\n") && shown.ends_with("+ b2999\n"));
    }
}
