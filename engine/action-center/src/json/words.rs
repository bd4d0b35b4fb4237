//! The words of the model as the description of the API lists them; the model itself does not know of OpenAPI.

use clawback_model::{
    Action, ActionSource, BlockListFormat, CalendarFate, Classification, CredentialKind, Determination,
    IndicatorFormat, IndicatorKind, InvestigationStatus, OutcomeKind, PrincipalKind, Reason, Role, SelectionMode,
    Severity, Status,
};
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};

use crate::export_format::ExportFormat;

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

pub(crate) fn classification_or_null() -> Object {
    or_null(Classification::ALL.map(Classification::as_str))
}

pub(crate) fn determination_or_null() -> Object {
    or_null(Determination::ALL.map(Determination::as_str))
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

pub(crate) fn calendar_entry_or_null() -> Object {
    or_null(CalendarFate::ALL.map(CalendarFate::as_str))
}

pub(crate) fn reason_or_null() -> Object {
    or_null(Reason::ALL.map(Reason::as_str))
}

pub(crate) fn investigation_status() -> Object {
    one_of(InvestigationStatus::ALL.map(InvestigationStatus::as_str))
}

pub(crate) fn principal_kind() -> Object {
    one_of(PrincipalKind::ALL.map(PrincipalKind::as_str))
}

pub(crate) fn credential_kind() -> Object {
    one_of(CredentialKind::ALL.map(CredentialKind::as_str))
}

pub(crate) fn roles() -> Array {
    ArrayBuilder::new().items(one_of(Role::ALL.map(Role::as_str))).build()
}

pub(crate) fn roles_or_null() -> Array {
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(one_of(Role::ALL.map(Role::as_str)))
        .build()
}

pub(crate) fn export_format() -> Object {
    one_of(ExportFormat::ALL.map(ExportFormat::as_str))
}

pub(crate) fn indicator_kind() -> Object {
    one_of(IndicatorKind::ALL.map(IndicatorKind::as_str))
}

pub(crate) fn block_list_format() -> Object {
    one_of(BlockListFormat::ALL.map(BlockListFormat::as_str))
}

pub(crate) fn indicator_format_or_null() -> Object {
    or_null(IndicatorFormat::ALL.map(IndicatorFormat::as_str))
}

/// Each input is a text, or a list of texts.
pub(crate) fn inputs() -> Object {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let several = ArrayBuilder::new().items(text()).min_items(Some(1));
    let either = OneOfBuilder::new().item(text()).item(several);
    ObjectBuilder::new().additional_properties(Some(Schema::OneOf(either.build()))).build()
}

fn one_of(words: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

fn or_null(words: impl IntoIterator<Item = &'static str>) -> Object {
    let words = words.into_iter().map(Some).chain([None]);
    ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null])).enum_values(Some(words)).build()
}
