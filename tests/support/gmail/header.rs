//! The fields of a message as the Gmail API returns them: unfolded, and encoded words decoded.

use mail_parser::MessageParser;

/// Returns the name and value of each field, in order.
pub(super) fn fields(raw: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(raw);
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)) {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_owned(), value.trim_start().to_owned()));
        }
    }
    for (_, value) in &mut fields {
        *value = decoded(value);
    }
    fields
}

fn decoded(value: &str) -> String {
    if !value.contains("=?") {
        return value.trim().to_owned();
    }
    let subject = format!("Subject: {value}\r\n\r\n");
    let parsed = MessageParser::default().parse(subject.as_bytes());
    parsed.and_then(|parsed| Some(parsed.subject()?.to_owned())).unwrap_or_else(|| value.to_owned())
}
