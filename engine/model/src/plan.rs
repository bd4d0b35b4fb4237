//! Plans: the frozen, ordered list of targets, and the digest that approvers approve.

pub(crate) mod digest;
pub(crate) mod header;
pub(crate) mod summary;
pub(crate) mod target;

pub use digest::{Hashed, LINES_OF_A_PART, PartHasher, PlanHasher, PlanParts, header_line, target_line};
pub use header::{Difference, Grant, PlanHeader, Terms, TextKind};
pub use summary::PlanSummary;
pub use target::Target;

#[cfg(test)]
pub(crate) mod tests {
    use crate::clock::Timestamp;
    use crate::location::{Location, LocationKind};
    use crate::message::{Message, MessageRef};

    pub(crate) fn message(number: u32) -> Message {
        Message {
            store: "corp".into(),
            mailbox: "ann@corp.example".into(),
            reference: reference(number),
            location: Location::new(LocationKind::Inbox, "INBOX"),
            original_location: None,
            subject: "Hello".into(),
            from_address: "eve@evil.example".into(),
            from_name: String::new(),
            also_from: Vec::new(),
            cut: Vec::new(),
            features: None,
            to: vec![],
            received_at: Timestamp(0),
            size: 1_000,
            flags: vec![],
            attachments: vec![],
            headers: vec![],
        }
    }

    pub(crate) fn reference(number: u32) -> MessageRef {
        MessageRef {
            locator: format!("1:{number}:INBOX"),
            message_id: format!("<{number}@evil.example>"),
            fingerprint: format!("{number:032x}"),
        }
    }
}
