//! What a request carries: a name in its path, a switch in its query, JSON in its body.

use super::failure;
use crate::error::{Error, Result};
use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::request::Parts,
    response::Response,
};
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
        let body = time::timeout(READ_LIMIT, to_bytes(request.into_body(), LIMIT))
            .await
            .map_err(|_| invalid(format!("its body did not come within {READ_LIMIT:?}")))?
            .map_err(|e| invalid(format!("its body can't be read: {e}")))?;
        serde_json::from_slice(&body).map(Self).map_err(|e| invalid(e.to_string()))
    }
}

/// Largest request in bytes.
const BODY_LIMIT: usize = 1 << 20;
/// Largest request in bytes that carries files: 1 MiB of text, and JSON's escapes.
pub(super) const SPEC_LIMIT: usize = 3 << 20;
/// How long a client may take to send a request's head, and its body.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(10);
