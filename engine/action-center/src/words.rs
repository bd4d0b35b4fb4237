//! The words of the model as the description of the API lists them, which the model itself knows nothing of.

use clawback_model::{Action, ActionSource, InvestigationStatus, OutcomeKind, Reason, SelectionMode, Severity, Status};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

pub(crate) fn severity() -> Object {
    one_of(Severity::ALL.map(Severity::as_str))
}

pub(crate) fn severity_or_null() -> Object {
    or_null(Severity::ALL.map(Severity::as_str))
}

pub(crate) fn status() -> Object {
    one_of(Status::ALL.map(Status::as_str))
}

pub(crate) fn action() -> Object {
    one_of(Action::ALL.map(Action::as_str))
}

pub(crate) fn action_source() -> Object {
    one_of(ActionSource::ALL.map(ActionSource::as_str))
}

pub(crate) fn action_source_or_null() -> Object {
    or_null(ActionSource::ALL.map(ActionSource::as_str))
}

pub(crate) fn selection_or_null() -> Object {
    or_null(SelectionMode::ALL.map(SelectionMode::as_str))
}

pub(crate) fn outcome_or_null() -> Object {
    or_null(OutcomeKind::ALL.map(OutcomeKind::as_str))
}

pub(crate) fn reason_or_null() -> Object {
    or_null(Reason::ALL.map(Reason::as_str))
}

pub(crate) fn investigation_status() -> Object {
    one_of(InvestigationStatus::ALL.map(InvestigationStatus::as_str))
}

fn one_of(words: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

fn or_null(words: impl IntoIterator<Item = &'static str>) -> Object {
    let words = words.into_iter().map(Some).chain([None]);
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null])).enum_values(Some(words)).build()
}
