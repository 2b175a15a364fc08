//! Connections: how many there may be, how long they may wait, and their end.

use super::{
    busy, denied,
    extract::READ_LIMIT,
    gate::{Admission, Gate, Place},
    router,
    stream::Stream,
};
use crate::agent::Agent;
use crate::kernel::socket::Socket;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use std::{future::Future, pin::pin, sync::Arc, time::Duration};
use tokio::{net::UnixStream, time};

/// Answers on `socket` until `stop` is done; then requests that were begun get a few seconds.
pub async fn serve(socket: Socket, agent: Arc<Agent>, stop: impl Future<Output = ()>) {
    let router = router(agent);
    let connections = GracefulShutdown::new();
    let gate = Gate::new();
    let mut stop = pin!(stop);
    loop {
        let next = async { (gate.wait().await, socket.accept().await) };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = &mut stop => break,
        };
        match accepted {
            (Some(permit), Ok((stream, peer))) if socket.admits(&peer) => {
                tracing::debug!(uid = peer.uid(), pid = peer.pid(), "connection");
                match gate.admit(permit, peer.uid() == 0) {
                    Admission::Served(place) => answer(stream, place, router.clone(), &connections),
                    Admission::Busy(place) => refuse(stream, place, Router::new().fallback(busy)),
                    Admission::Dropped => {}
                }
            }
            (Some(permit), Ok((stream, peer))) => {
                tracing::warn!(uid = peer.uid(), "connection refused: not permitted");
                if let Admission::Busy(place) = gate.refuse(permit) {
                    refuse(stream, place, Router::new().fallback(denied));
                }
            }
            (None, _) => break,
            (_, Err(error)) => {
                tracing::warn!("cannot accept a connection: {error}");
                // Mostly out of file descriptors: those in use need time to close.
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(socket);
    if time::timeout(GRACE, connections.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off: they took longer than {GRACE:?} after the stop");
    }
}

/// Answers requests on one connection, in a task of its own.
fn answer(stream: UnixStream, place: Place, router: Router, connections: &GracefulShutdown) {
    let connection = connections.watch(serving(stream, router));
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("connection: {error}");
        }
        drop(place);
    });
}

/// Answers a request that is not served, without waiting for it for long.
fn refuse(stream: UnixStream, place: Place, router: Router) {
    let connection = serving(stream, router);
    tokio::spawn(async move {
        // The client may have gone; nothing is owed to it.
        let _ = time::timeout(REFUSAL, connection).await;
        drop(place);
    });
}

type Connection = http1::Connection<TokioIo<Stream>, TowerToHyperService<Router>>;

fn serving(stream: UnixStream, router: Router) -> Connection {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_LIMIT)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(
            TokioIo::new(Stream::new(stream, WRITE_LIMIT)),
            TowerToHyperService::new(router),
        )
}

/// How long requests may go on when the agent is told to end.
const GRACE: Duration = Duration::from_secs(5);
/// How long a client may leave an answer unread.
const WRITE_LIMIT: Duration = Duration::from_secs(30);
/// How long a client that is refused may take to read that.
const REFUSAL: Duration = Duration::from_secs(2);
/// Largest head of a request in bytes.
const HEAD_LIMIT: usize = 64 << 10;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
