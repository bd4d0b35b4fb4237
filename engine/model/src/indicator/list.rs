//! Lists of indicators: a value in each line, or columns with a header (RFC 4180, without line ends in a value).

use super::file::{IndicatorFile, Reading, named};
use super::kind::IndicatorKind;

/// Names of the column of values.
const VALUES: [&str; 5] = ["value", "indicator", "ioc", "observable", "indicator_value"];
/// Names of the column of types.
const TYPES: [&str; 4] = ["type", "kind", "indicator_type", "ioc_type"];

/// Where the columns are.
struct Columns {
    delimiter: char,
    value: usize,
    kind: Option<usize>,
}

/// Reads a list into the file.
pub(super) fn read(text: &str, reading: Reading, file: &mut IndicatorFile) {
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).peekable();
    let columns = lines.peek().and_then(|(_, first)| header(first));
    if columns.is_some() {
        lines.next();
    }
    for (number, line) in lines {
        let place = format!("line {number}");
        match &columns {
            Some(columns) => record(&place, line, columns, reading, file),
            None => bare(&place, line, reading, file),
        }
    }
}

/// Returns the columns of a header; `None` if the line is none.
fn header(line: &str) -> Option<Columns> {
    [',', ';', '\t'].into_iter().find_map(|delimiter| {
        let cells: Vec<String> = cells(line, delimiter).iter().map(|cell| cell.trim().to_lowercase()).collect();
        let place = |names: &[&str]| cells.iter().position(|cell| names.contains(&cell.as_str()));
        Some(Columns { delimiter, value: place(&VALUES)?, kind: place(&TYPES) })
    })
}

fn record(place: &str, line: &str, columns: &Columns, reading: Reading, file: &mut IndicatorFile) {
    let cells = cells(line, columns.delimiter);
    let cell = |at: usize| cells.get(at).map(|cell| cell.trim()).filter(|cell| !cell.is_empty());
    let Some(value) = cell(columns.value) else { return file.skip(place, "it has no value") };
    match columns.kind.and_then(cell) {
        None => file.add(place, None, value, None, reading),
        Some(name) => typed(place, name, value, reading, file),
    }
}

/// Adds a value of a named type.
pub(super) fn typed(place: &str, name: &str, value: &str, reading: Reading, file: &mut IndicatorFile) {
    let Some(kind) = IndicatorKind::by_name(name) else {
        return file.skip(place, format!("type `{}` is not looked for in mail", named(name)));
    };
    // Of a pair, such as `filename|sha256`, one part is the indicator.
    let value = match (name.contains('|'), kind) {
        (true, IndicatorKind::Sha256) => value.rsplit('|').next().unwrap_or(value),
        (true, _) => value.split('|').next().unwrap_or(value),
        (false, _) => value,
    };
    file.add(place, Some(kind), value, None, reading);
}

/// A line of a list without a header: a value, or a value and its type in either order.
fn bare(place: &str, line: &str, reading: Reading, file: &mut IndicatorFile) {
    let cells = cells(line, ',');
    if let [first, second] = &cells[..] {
        for (name, value) in [(second, first), (first, second)] {
            if IndicatorKind::by_name(name).is_some() {
                return typed(place, name, value, reading, file);
            }
        }
    }
    let value = if cells.len() == 1 { cells[0].as_str() } else { line };
    file.add(place, None, value, None, reading);
}

/// Splits a line; a quoted cell may have the delimiter, and `""` in it is a quote.
fn cells(line: &str, delimiter: char) -> Vec<String> {
    let (mut cells, mut cell, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if is_quoted && rest.peek() == Some(&'"') => {
                rest.next();
                cell.push('"');
            }
            '"' if is_quoted || cell.trim().is_empty() => is_quoted = !is_quoted,
            c if c == delimiter && !is_quoted => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    cells.push(cell);
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn read_list(text: &str) -> (Vec<String>, Vec<String>) {
        let mut file = IndicatorFile::default();
        read(text, Reading { allow_common: false, now: Timestamp(0) }, &mut file);
        let found = file.found.iter().map(|one| format!("{} {}", one.indicator.kind, one.indicator.value));
        let skipped = file.skipped.iter().map(|one| format!("{}: {}", one.place, one.reason));
        (found.collect(), skipped.collect())
    }

    #[test]
    fn a_plain_list_has_a_value_in_each_line() {
        let (found, skipped) = read_list(
            "# bad ones\n\nevil.example\nhttp://evil.example/a,b\nemail-src,eve@evil.example\nx.example,domain\n1.2.3.4\n",
        );
        let expected =
            ["domain evil.example", "url http://evil.example/a,b", "sender eve@evil.example", "domain x.example"];
        assert_eq!(found, expected);
        assert_eq!(skipped, ["line 7: `1.2.3.4`: it is no address, domain, URL or sha256"]);
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let (found, skipped) = read_list(
            "Type;Comment;Value\nurl;\"a; \"\"b\"\"\";\"http://evil.example/;x\"\nipv4;;192.0.2.1\ndomain;;\n;;evil.example\n",
        );
        assert_eq!(found, ["url http://evil.example/;x", "domain evil.example"]);
        assert_eq!(skipped, ["line 3: type `ipv4` is not looked for in mail", "line 4: it has no value"]);
    }

    #[test]
    fn of_a_pair_one_part_is_the_indicator() {
        let digest = "ab".repeat(32);
        let (found, _) =
            read_list(&format!("type,value\nfilename|sha256,a|b.exe|{digest}\ndomain|ip,evil.example|192.0.2.1\n"));
        assert_eq!(found, [format!("sha256 {digest}"), "domain evil.example".to_owned()]);
    }
}
