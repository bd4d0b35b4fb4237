//! The fields whose text a query compares: only these are read of each message, and whole headers of the hits alone.

use clawback_connector_sdk::{
    bound, fields,
    matching::{self, everything},
    types::Query,
};

use crate::row::Row;

/// Begins the name of a field.
const FIELD: &str = "hdr.";

/// The conditions that single fields decide.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    query: Query,
    /// The fields to read, in the server's spelling; none if whole headers must be read.
    pub(crate) fields: Vec<String>,
}

impl Text {
    /// Returns those of a query, without the time and the folders.
    pub(crate) fn of(query: &Query) -> Self {
        let text = Query {
            subject_contains: query.subject_contains.clone(),
            header_contains: query.header_contains.clone(),
            from_address: query.from_address.clone(),
            from_domain: query.from_domain.clone(),
            to_address: query.to_address.clone(),
            message_id: query.message_id.clone(),
            ..everything()
        };
        let fields = fields::of(&text).into_iter().map(|name| format!("{FIELD}{}", name.to_lowercase())).collect();
        Self { query: text, fields }
    }

    /// Returns whether the query compares texts.
    pub(crate) fn is_any(&self) -> bool {
        let query = &self.query;
        !(query.subject_contains.is_empty()
            && query.header_contains.is_empty()
            && query.from_address.is_empty()
            && query.from_domain.is_empty()
            && query.to_address.is_empty()
            && query.message_id.is_empty())
    }

    /// Returns whether a message with these fields may match.
    pub(crate) fn may_match(&self, row: &Row) -> bool {
        let mut block = Vec::new();
        for field in &self.fields {
            let value = row.field(field);
            // A long field, or one with bytes that are no text, is compared with the whole header.
            if value.len() >= bound::FIELD || value.contains('\u{fffd}') {
                return true;
            }
            let name = field.strip_prefix(FIELD).unwrap_or(field);
            // The values of several fields of one name are lines; a folded line begins with a blank.
            for (number, line) in value.split('\n').enumerate() {
                if !(line.starts_with([' ', '\t']) && number > 0) {
                    block.extend([name.as_bytes(), b": "].concat());
                }
                block.extend(line.as_bytes());
                block.push(b'\n');
            }
        }
        block.push(b'\n');
        matching::matches_fields(&self.query, &block)
    }
}
