//! Answers that take longer than a connection may be silent. They begin with white space, which JSON allows (RFC 8259,
//! section 2).

use std::pin::Pin;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Serialize;

use crate::problem::Problem;

/// An answer that is ready by then is an ordinary answer, with a status of its own.
const SOON: Duration = Duration::from_secs(5);
/// Time between two spaces that are sent until the answer is ready.
const BEAT: Duration = Duration::from_secs(10);

/// Returns the answer of work of any length. If the caller goes away, the work ends with the connection. A late failure
/// breaks the answer off.
pub(crate) async fn slowly<T: Serialize + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<Response, Problem> {
    answer(Box::pin(work), SOON, BEAT).await
}

type Work<T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send>>;

async fn answer<T: Serialize + 'static>(
    mut work: Work<T>,
    soon: Duration,
    beat: Duration,
) -> Result<Response, Problem> {
    if let Ok(done) = tokio::time::timeout(soon, &mut work).await {
        return Ok(Json(done?).into_response());
    }
    let parts = stream::try_unfold(Some(work), move |work| async move {
        let Some(mut work) = work else { return Ok::<_, std::io::Error>(None) };
        Ok(Some(match tokio::time::timeout(beat, &mut work).await {
            Err(_) => (b" ".to_vec(), Some(work)),
            Ok(done) => {
                let done = done.map_err(|problem| std::io::Error::other(problem.detail))?;
                (serde_json::to_vec(&done)?, None)
            }
        }))
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(parts)).into_response())
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::StatusCode;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(20);

    async fn told(work: Duration, end: Result<u32, Problem>) -> Result<Response, Problem> {
        let work = async move {
            tokio::time::sleep(work).await;
            end
        };
        answer(Box::pin(work), MOMENT, MOMENT).await
    }

    #[tokio::test]
    async fn spaces_are_sent_until_the_answer_is_ready() {
        let problem = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "database", "away");
        assert_eq!(told(Duration::ZERO, Err(problem())).await.unwrap_err().code, "database");
        let quick = told(Duration::ZERO, Ok(7)).await.unwrap().into_body();
        assert_eq!(to_bytes(quick, 100).await.unwrap(), "7");
        let slow = told(MOMENT * 50, Ok(7)).await.unwrap().into_body();
        let slow = to_bytes(slow, 100).await.unwrap();
        assert!(slow.starts_with(b" ") && serde_json::from_slice::<u32>(&slow).unwrap() == 7, "{slow:?}");
        let broken = told(MOMENT * 5, Err(problem())).await.unwrap().into_body();
        assert!(to_bytes(broken, 100).await.is_err(), "a late failure breaks the answer off");
    }
}
