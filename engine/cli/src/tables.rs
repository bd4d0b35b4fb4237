//! The lists that `--columns` applies to, with all their columns.

use clawback_action_center::json::{
    AlertJson, ConnectorJson, InvestigationJson, KeptJson, MessageJson, RemediationJson, SavedSearchJson, ScheduleJson,
    SlotJson, TokenJson,
};
use clawback_model::Role;

use crate::table::{Column, Table, if_room, mailbox, text, time, whole, wide, word};

/// The table of `clawback history`.
pub(crate) struct History;

impl Table for History {
    type Row = RemediationJson;
    const COLUMNS: &'static [Column<RemediationJson>] = &[
        whole("id", |row| row.id.clone()),
        word("status", |row| row.status.to_string()),
        whole("done", |row| format!("{}/{}", row.counts.succeeded, row.counts.submitted)),
        time("created", |row| row.created_at.clone()),
        text("name", |row| row.name.clone()),
        if_room(word("action", |row| row.action.to_string())),
        if_room(text("requested_by", |row| row.requested_by.clone())),
        if_room(text("decided_by", |row| row.decided_by.clone().unwrap_or_default())),
        if_room(word("severity", |row| row.severity.to_string())),
        if_room(text("stop_reason", |row| row.stop_reason.clone().unwrap_or_default())),
        wide(whole("failed", |row| row.counts.failed.to_string())),
        wide(whole("approval_id", |row| row.approval_id.clone())),
        wide(whole("investigation_id", |row| row.investigation_id.clone())),
        wide(whole("alert_id", |row| row.alert_id.clone())),
        wide(word("action_source", |row| row.action_source.to_string())),
        wide(text("playbook", |row| row.playbook.clone())),
        wide(whole("plan_digest", |row| row.plan_digest.clone().unwrap_or_default())),
        wide(whole("url", |row| row.url.clone().unwrap_or_default())),
    ];
}

/// The table of `clawback pending`.
pub(crate) struct Pending;

impl Table for Pending {
    type Row = RemediationJson;
    const COLUMNS: &'static [Column<RemediationJson>] = &[
        whole("id", |row| row.id.clone()),
        word("status", |row| row.status.to_string()),
        whole("messages", |row| row.counts.submitted.to_string()),
        time("deadline", |row| row.deadline.clone().unwrap_or_default()),
        text("name", |row| row.name.clone()),
        if_room(word("action", |row| row.action.to_string())),
        if_room(text("requested_by", |row| row.requested_by.clone())),
        if_room(word("severity", |row| row.severity.to_string())),
        if_room(whole("approval_id", |row| row.approval_id.clone())),
        wide(time("created", |row| row.created_at.clone())),
        wide(whole("plan_digest", |row| row.plan_digest.clone().unwrap_or_default())),
        wide(text("stop_reason", |row| row.stop_reason.clone().unwrap_or_default())),
        wide(whole("url", |row| row.url.clone().unwrap_or_default())),
    ];
}

/// The table of `clawback show --messages`.
pub(crate) struct Messages;

impl Table for Messages {
    type Row = MessageJson;
    const COLUMNS: &'static [Column<MessageJson>] = &[
        mailbox(|row| row.mailbox.clone()),
        word("outcome", |row| row.outcome.as_deref().unwrap_or(OPEN).to_owned()),
        text("location_before", |row| row.location_before.clone()),
        text("location_after", |row| row.location_after.clone().unwrap_or_default()),
        text("subject", |row| row.subject.clone()),
        if_room(text("reason", why)),
        if_room(text("from", |row| row.from.clone())),
        wide(text("message_id", |row| row.message_id.clone())),
        wide(whole("seq", |row| row.seq.to_string())),
        wide(text("store", |row| row.store.clone())),
        wide(time("received", |row| row.received_at.clone())),
        wide(text("original_delivery_location", |row| row.original_delivery_location.clone().unwrap_or_default())),
        wide(text("latest_delivery_location", |row| row.latest_delivery_location.clone().unwrap_or_default())),
        wide(whole("batch", |row| row.batch.map(|batch| batch.to_string()).unwrap_or_default())),
        wide(time("recorded", |row| row.recorded_at.clone().unwrap_or_default())),
        wide(whole("fingerprint", |row| row.fingerprint.clone())),
        wide(whole("evidence", |row| row.evidence.clone().unwrap_or_default())),
        wide(word("calendar_entry", |row| row.calendar_entry.as_deref().unwrap_or_default().to_owned())),
        wide(text("calendar_entry_detail", |row| row.calendar_entry_detail.clone().unwrap_or_default())),
    ];
}

/// The word for a message without an outcome.
pub(crate) const OPEN: &str = "open";

/// The reason, its detail, and the words of scripts.
fn why(row: &MessageJson) -> String {
    let words = script_words(row.script_reason.as_deref(), row.script_tag.as_deref());
    let parts = [row.reason.as_deref().map(str::to_owned), row.detail.clone(), words];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
}

/// The table of `clawback alerts list`.
pub(crate) struct Alerts;

impl Table for Alerts {
    type Row = AlertJson;
    const COLUMNS: &'static [Column<AlertJson>] = &[
        whole("id", |row| row.id.clone()),
        time("created", |row| row.created_at.clone()),
        word("severity", |row| row.severity.to_string()),
        text("name", |row| row.name.clone()),
        text("actor", |row| row.actor.clone()),
        if_room(word("state", |row| row.state.to_string())),
        if_room(text("owner", |row| row.owner.clone().unwrap_or_default())),
        if_room(word("classification", |row| row.classification.map(|word| word.to_string()).unwrap_or_default())),
        wide(word("determination", |row| row.determination.map(|word| word.to_string()).unwrap_or_default())),
        wide(text("comment", |row| row.comment.clone().unwrap_or_default())),
        if_room(word("investigation_status", |row| row.investigation_status.to_string())),
        if_room(word("action", |row| row.action.to_string())),
        if_room(whole("remediation_id", |row| row.remediation_id.clone())),
        if_room(whole("investigation_id", |row| row.investigation_id.clone())),
        wide(whole("url", |row| row.url.clone().unwrap_or_default())),
    ];
}

/// The table of `clawback investigations list`.
pub(crate) struct Investigations;

impl Table for Investigations {
    type Row = InvestigationJson;
    const COLUMNS: &'static [Column<InvestigationJson>] = &[
        whole("id", |row| row.id.clone()),
        time("created", |row| row.created_at.clone()),
        word("status", |row| row.status.to_string()),
        whole("messages", |row| row.messages.to_string()),
        text("entity", |row| row.entity.clone()),
        if_room(word("action", |row| row.action.to_string())),
        if_room(word("kind", |row| row.kind.as_str().to_owned())),
        if_room(whole("remediation_id", |row| row.remediation_id.clone())),
        if_room(word("remediation_status", |row| row.remediation_status.to_string())),
        if_room(text("decided_by", |row| row.decided_by.clone().unwrap_or_default())),
        if_room(whole("alert_id", |row| row.alert_id.clone())),
        wide(whole("approval_id", |row| row.approval_id.clone())),
        wide(time("updated", |row| row.updated_at.clone())),
        wide(text("incident", |row| row.incident.clone().unwrap_or_default())),
        wide(whole("url", |row| row.url.clone().unwrap_or_default())),
    ];
}

/// The table of `clawback connectors list`.
pub(crate) struct Connectors;

impl Table for Connectors {
    type Row = ConnectorJson;
    const COLUMNS: &'static [Column<ConnectorJson>] = &[
        whole("connector", |item| item.connector.clone()),
        whole("version", |item| item.version.clone()),
        text("stores", |item| item.stores.join(" ")),
        text("settings", |item| item.settings.join(" ")),
        text("imports", |item| item.imports.join(" ")),
        if_room(whole("sha256", |item| item.sha256.clone())),
    ];
}

/// The table of `clawback evidence list`. `evidence get` takes a digest, or a remediation with a message and a mailbox.
pub(crate) struct Kept;

impl Table for Kept {
    type Row = KeptJson;
    const COLUMNS: &'static [Column<KeptJson>] = &[
        whole("remediation", |row| row.remediation.clone()),
        mailbox(|row| row.mailbox.clone().unwrap_or_default()),
        text("message_id", |row| row.message_id.clone().unwrap_or_default()),
        text("subject", |row| row.subject.clone().unwrap_or_default()),
        if_room(whole("digest", |row| row.digest.clone())),
        if_room(time("kept", |row| row.kept_at.clone())),
        if_room(whole("bytes", |row| row.bytes.to_string())),
        if_room(word("outcome", |row| row.outcome.clone().unwrap_or_default())),
        wide(text("store", |row| row.store.clone().unwrap_or_default())),
        wide(whole("fingerprint", |row| row.fingerprint.clone().unwrap_or_default())),
    ];
}

/// The table of `clawback principals tokens`.
pub(crate) struct Tokens;

impl Table for Tokens {
    type Row = TokenJson;
    const COLUMNS: &'static [Column<TokenJson>] = &[
        text("principal", |item| item.principal.clone()),
        text("label", |item| item.label.clone()),
        time("expires", |item| item.expires_at.clone().unwrap_or_default()),
        time("revoked", |item| item.revoked_at.clone().unwrap_or_default()),
        if_room(text("made by", |item| item.issued_by.clone())),
        text("only", |item| role_words(item.roles.as_deref().unwrap_or_default())),
        if_room(time("created", |item| item.created_at.clone())),
    ];
}

/// The table of `clawback saved-searches list`.
pub(crate) struct SavedSearches;

impl Table for SavedSearches {
    type Row = SavedSearchJson;
    const COLUMNS: &'static [Column<SavedSearchJson>] = &[
        text("name", |item| item.name.clone()),
        text("owner", |item| item.owner.clone()),
        word("shared", |item| if item.is_shared { "yes" } else { "no" }.to_owned()),
        time("changed", |item| item.changed_at.clone()),
        if_room(whole("id", |item| item.id.clone())),
        wide(time("created", |item| item.created_at.clone())),
        wide(whole("version", |item| item.version.to_string())),
    ];
}

/// The table of `clawback schedules list`.
pub(crate) struct Schedules;

impl Table for Schedules {
    type Row = ScheduleJson;
    const COLUMNS: &'static [Column<ScheduleJson>] = &[
        text("name", |item| item.name.clone()),
        word("state", |item| item.state.to_string()),
        time("next", |item| item.next_at.clone().unwrap_or_default()),
        text("result", |item| item.last.as_ref().map(SlotJson::in_words).unwrap_or_default()),
        if_room(text("cron", |item| item.cron.clone())),
        if_room(text("time_zone", |item| item.time_zone.clone())),
        if_room(time("last_slot", |item| item.last.as_ref().map(|last| last.slot.clone()).unwrap_or_default())),
    ];
}

/// The reason and tag that scripts gave a message; `None` if they gave neither.
pub(crate) fn script_words(reason: Option<&str>, tag: Option<&str>) -> Option<String> {
    let tag = tag.map(|tag| format!("[{tag}]"));
    let words: Vec<&str> = reason.into_iter().chain(tag.as_deref()).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Roles, as a list between commas.
pub(crate) fn role_words(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}
