//! Style sheet, scripts and icon, embedded. They are the same for all callers and contain no names. The style sheet and
//! the script of the pages are kept in a file for each component, and joined when this is compiled.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const STYLE: &str = concat!(
    include_str!("../../assets/css/tokens.css"),
    include_str!("../../assets/css/base.css"),
    include_str!("../../assets/css/shell.css"),
    include_str!("../../assets/css/button.css"),
    include_str!("../../assets/css/field.css"),
    include_str!("../../assets/css/table.css"),
    include_str!("../../assets/css/parts.css"),
    include_str!("../../assets/css/chart.css"),
);
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("../../assets/js/times.js"),
    include_str!("../../assets/js/table.js"),
    include_str!("../../assets/js/selection.js"),
    include_str!("../../assets/js/live.js"),
    include_str!("../../assets/js/keys.js"),
);
const ASSETS: [(&str, &str, &str); 4] = [
    ("center.css", "text/css; charset=utf-8", STYLE),
    ("center.js", "text/javascript; charset=utf-8", SCRIPT),
    ("sign.js", "text/javascript; charset=utf-8", include_str!("../../assets/sign.js")),
    ("icon.svg", "image/svg+xml", include_str!("../../assets/icon.svg")),
];

pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, text)) => {
            ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "max-age=300")], *text).into_response()
        }
        None => (StatusCode::NOT_FOUND, "no such asset\n").into_response(),
    }
}
