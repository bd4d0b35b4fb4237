//! Tables as CSV files that a browser downloads.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use clawback_model::csv_safe;

/// A file to download.
pub(crate) fn attachment(name: &str, body: Body) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, disposition)], body)
        .into_response()
}

/// Rows as CSV (RFC 4180) in which no spreadsheet finds a formula.
pub(crate) fn lines(rows: impl IntoIterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|field| csv_safe(field))).expect("writing to memory cannot fail");
    }
    writer.into_inner().expect("writing to memory cannot fail")
}
