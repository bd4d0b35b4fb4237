//! Tables as CSV files that a browser downloads.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use clawback_model::csv_safe;
use clawback_store::StoreError;
use futures::{StreamExt as _, stream};

/// A file to download.
pub(crate) fn attachment(name: &str, body: Body) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, disposition)], body)
        .into_response()
}

/// A table that is read and sent in pieces, at most `most` rows of it. `read` returns the rows after a cursor, at most as
/// many as it is asked for, and the cursor of the next ones.
pub(super) fn in_pieces<C, R>(
    head: Vec<String>,
    most: usize,
    piece: u32,
    read: impl Fn(Option<C>, u32) -> R + Send + 'static,
) -> Body
where
    C: Send + 'static,
    R: Future<Output = Result<(Vec<Vec<String>>, Option<C>), StoreError>> + Send + 'static,
{
    let rows = stream::try_unfold(Some((None, most)), move |at| {
        let piece = at
            .filter(|(_, left)| *left > 0)
            .map(|(cursor, left)| (read(cursor, piece.min(u32::try_from(left).unwrap_or(piece))), left));
        async move {
            let Some((piece, left)) = piece else { return Ok::<_, StoreError>(None) };
            let (rows, next) = piece.await?;
            let left = left.saturating_sub(rows.len());
            Ok(Some((lines(rows), next.map(|next| (Some(next), left)))))
        }
    });
    Body::from_stream(stream::iter([Ok(lines([head]))]).chain(rows))
}

/// Rows as CSV (RFC 4180) in which no spreadsheet finds a formula.
fn lines(rows: impl IntoIterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|field| csv_safe(field))).expect("writing to memory cannot fail");
    }
    writer.into_inner().expect("writing to memory cannot fail")
}
