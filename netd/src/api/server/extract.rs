//! What a request carries: a name in its path, a switch in its query, JSON in its body.

use super::failure;
use crate::error::{Error, Result};
use axum::{
    Json,
    body::{Body, HttpBody},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;
use tokio::time;

/// The name, identity or prefix in a path.
pub(super) struct Reference(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Reference {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Self(text)),
            Err(error) => Err(failure(&Error::invalid(format!("invalid path: {error}")))),
        }
    }
}

/// `?force=true`.
pub(super) struct Force(pub(super) bool);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForceQuery {
    #[serde(default)]
    force: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Force {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match Query::<ForceQuery>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query.force)),
            Err(error) => {
                Err(failure(&Error::invalid(format!("invalid query: {}", error.body_text()))))
            }
        }
    }
}

/// A JSON body, whatever its content type says.
pub(super) struct Input<T, const LIMIT: usize = BODY_LIMIT>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync, const LIMIT: usize> FromRequest<S> for Input<T, LIMIT> {
    type Rejection = Response;
    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let invalid = |why: String| failure(&Error::invalid(format!("invalid request: {why}")));
        let body = time::timeout(READ_LIMIT, read(request.into_body(), LIMIT))
            .await
            .map_err(|_| invalid(format!("its body did not come within {READ_LIMIT:?}")))?
            .map_err(|e| invalid(format!("its body can't be read: {e}")))?
            .ok_or_else(|| too_large(LIMIT))?;
        serde_json::from_slice(&body).map(Self).map_err(|e| invalid(e.to_string()))
    }
}

/// A body; none where it is larger than `limit`. What is not much larger is read to its end and
/// thrown away: few clients read an answer while they write.
async fn read(mut body: Body, limit: usize) -> Result<Option<Vec<u8>>, axum::Error> {
    let mut bytes = Vec::new();
    let mut length = 0;
    if body.size_hint().lower() > (limit + WASTE) as u64 {
        return Ok(None);
    }
    while let Some(frame) = body.frame().await {
        let data = frame?.into_data().unwrap_or_default();
        length += data.len();
        if length <= limit {
            bytes.extend_from_slice(&data);
        } else if length > limit + WASTE {
            break;
        } else {
            bytes = Vec::new();
        }
    }
    Ok((length <= limit).then_some(bytes))
}

fn too_large(limit: usize) -> Response {
    let error = Error::invalid(format!(
        "invalid request: its body is larger than {limit} bytes; split it into several requests"
    ));
    (StatusCode::PAYLOAD_TOO_LARGE, Json(error)).into_response()
}

/// Largest request in bytes.
const BODY_LIMIT: usize = 1 << 20;
/// Largest request in bytes that carries files: 1 MiB of text, and JSON's escapes.
pub(super) const SPEC_LIMIT: usize = 3 << 20;
/// How much of a larger one is still read.
const WASTE: usize = 16 << 20;
/// How long a client may take to send a request's head, and its body.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(10);
