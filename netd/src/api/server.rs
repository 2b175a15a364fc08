//! The agent's side of the socket: one route per line of [`protocol`](super::protocol)'s table.
//!
//! Each request runs in a task of its own: a client that hangs up leaves nothing half done, and a
//! panic is that request's failure only.

mod extract;
mod gate;
mod listen;
mod stream;

use super::protocol::{
    Apply, ContainerCreate, ContainerExit, ContainerPublish, ContainerStart, ContainerStop,
    ContainerUnpublish, NetworkConnect, NetworkCreate, NetworkDisconnect,
};
use crate::agent::Agent;
use crate::error::{Error, Result};
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, Uri, header::CONNECTION},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use extract::{Force, Input, Reference, SPEC_LIMIT};
use gate::MOST_ORDINARY;
use serde::Serialize;
use std::{future::Future, sync::Arc};
use tokio::task::JoinError;

pub use listen::serve;

fn router(agent: Arc<Agent>) -> Router {
    Router::new()
        .route("/v1/networks", get(networks).post(create_network))
        // `POST /v1/networks/prune` is among these: a network may well be named "prune".
        .route("/v1/networks/{ref}", get(network).post(prune_networks).delete(remove_network))
        .route("/v1/networks/{ref}/connect", post(connect))
        .route("/v1/networks/{ref}/disconnect", post(disconnect))
        .route("/v1/containers", get(containers).post(create_container))
        .route("/v1/containers/{ref}", get(container).delete(remove_container))
        .route("/v1/containers/{ref}/start", post(start))
        .route("/v1/containers/{ref}/exit", post(exit))
        .route("/v1/containers/{ref}/stop", post(stop))
        .route("/v1/containers/{ref}/publish", post(publish))
        .route("/v1/containers/{ref}/unpublish", post(unpublish))
        .route("/v1/apply", post(apply))
        .route("/v1/export", get(export))
        .route("/v1/status", get(status))
        .route("/v1/drops", get(drops))
        .route("/v1/doctor", get(doctor))
        .route("/v1/teardown", post(teardown))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(agent)
}

type Shared = State<Arc<Agent>>;

async fn networks(State(agent): Shared) -> Response {
    run(async move { agent.networks().await }).await
}

async fn create_network(State(agent): Shared, Input(request): Input<NetworkCreate>) -> Response {
    change(agent, |agent| async move { agent.create_network(&request).await }).await
}

async fn network(State(agent): Shared, Reference(of): Reference) -> Response {
    run(async move { agent.network(&of).await }).await
}

async fn remove_network(State(agent): Shared, Reference(of): Reference) -> Response {
    change(agent, |agent| async move { agent.remove_network(&of).await }).await
}

async fn prune_networks(State(agent): Shared, Reference(of): Reference, uri: Uri) -> Response {
    if of != "prune" {
        return unknown(uri).await;
    }
    change(agent, |agent| async move { agent.prune_networks().await }).await
}

async fn connect(
    State(agent): Shared,
    Reference(to): Reference,
    Input(request): Input<NetworkConnect>,
) -> Response {
    change(agent, |agent| async move { agent.connect(&to, &request).await }).await
}

async fn disconnect(
    State(agent): Shared,
    Reference(from): Reference,
    Input(request): Input<NetworkDisconnect>,
) -> Response {
    change(agent, |agent| async move { agent.disconnect(&from, &request).await.map(nothing) }).await
}

async fn containers(State(agent): Shared) -> Response {
    run(async move { agent.containers().await }).await
}

async fn create_container(
    State(agent): Shared,
    Input(request): Input<ContainerCreate>,
) -> Response {
    change(agent, |agent| async move { agent.create_container(&request).await }).await
}

async fn container(State(agent): Shared, Reference(of): Reference) -> Response {
    run(async move { agent.container(&of).await }).await
}

async fn start(
    State(agent): Shared,
    Reference(of): Reference,
    Input(request): Input<ContainerStart>,
) -> Response {
    change(agent, |agent| async move { agent.start_container(&of, request).await }).await
}

async fn exit(
    State(agent): Shared,
    Reference(of): Reference,
    Input(request): Input<ContainerExit>,
) -> Response {
    change(agent, |agent| async move { agent.exit_container(&of, request).await.map(nothing) })
        .await
}

async fn stop(
    State(agent): Shared,
    Reference(of): Reference,
    Input(request): Input<ContainerStop>,
) -> Response {
    change(agent, |agent| async move { agent.stop_container(&of, request).await }).await
}

async fn publish(
    State(agent): Shared,
    Reference(of): Reference,
    Input(request): Input<ContainerPublish>,
) -> Response {
    change(agent, |agent| async move { agent.publish(&of, &request).await }).await
}

async fn unpublish(
    State(agent): Shared,
    Reference(of): Reference,
    Input(request): Input<ContainerUnpublish>,
) -> Response {
    change(agent, |agent| async move { agent.unpublish(&of, &request).await.map(nothing) }).await
}

async fn remove_container(
    State(agent): Shared,
    Reference(of): Reference,
    Force(force): Force,
) -> Response {
    change(agent, |agent| async move { agent.remove_container(&of, force).await }).await
}

async fn apply(State(agent): Shared, Input(request): Input<Apply, SPEC_LIMIT>) -> Response {
    change(agent, |agent| async move { agent.apply(&request).await }).await
}

async fn export(State(agent): Shared) -> Response {
    run(async move { agent.export().await }).await
}

async fn status(State(agent): Shared) -> Response {
    run(async move { agent.status().await }).await
}

async fn drops(State(agent): Shared) -> Response {
    run(async move { agent.drops().await }).await
}

async fn doctor(State(agent): Shared) -> Response {
    run(async move { agent.report().await }).await
}

async fn teardown(State(agent): Shared) -> Response {
    change(agent, |agent| async move { agent.teardown().await.map(nothing) }).await
}

async fn unknown(uri: Uri) -> Response {
    failure(&Error::not_found(format!("netd's API has nothing of this method at {}", uri.path())))
}

async fn denied() -> Response {
    failure(&Error::kernel(
        "permission denied: netd takes orders from root and the members of its socket's group; use sudo",
    ))
}

async fn busy() -> Response {
    let error = Error::conflict(format!(
        "netd is busy: {MOST_ORDINARY} connections of others than root are open; try again in a moment"
    ));
    (StatusCode::SERVICE_UNAVAILABLE, [(CONNECTION, "close")], Json(error)).into_response()
}

/// Runs a request that only looks, in a task of its own, and turns what comes of it into an answer.
async fn run<T, F>(request: F) -> Response
where
    T: Serialize + Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    answer(tokio::spawn(request).await)
}

/// As [`run`], where the agent makes its changes: whoever only looks waits for none of them.
async fn change<T, F>(agent: Arc<Agent>, request: impl FnOnce(Arc<Agent>) -> F) -> Response
where
    T: Serialize + Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    answer(agent.runtime().clone().spawn(request(agent)).await)
}

fn answer<T: Serialize>(done: std::result::Result<Result<T>, JoinError>) -> Response {
    match done {
        Ok(Ok(value)) => Json(value).into_response(),
        Ok(Err(error)) => failure(&error),
        Err(_) => failure(&Error::internal("netd failed at this request; its log says where")),
    }
}

fn failure(error: &Error) -> Response {
    let status = StatusCode::from_u16(error.code.http_status());
    (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(error)).into_response()
}

fn nothing((): ()) -> serde_json::Map<String, serde_json::Value> {
    serde_json::Map::new()
}
