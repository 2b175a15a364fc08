//! A blocking client of the agent's API: one short connection per request, so that nothing of it
//! is left when `netctl` turns into a sandbox.

use crate::error::{Error, ErrorCode, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::net::UnixStream;

/// Where the agent listens.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of the agent behind `socket`; connects when it is used.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// The socket that it connects to.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// What is at `path`.
    ///
    /// # Errors
    /// The agent's own error, or [`ErrorCode::Kernel`] where it can't be reached.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.call(Method::GET, path, Bytes::new(), LIMIT)
    }

    /// The answer to `body` at `path`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.post_within(path, body, Duration::ZERO)
    }

    /// As [`Client::post`], for a request that may take `extra` longer than others.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post_within<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        extra: Duration,
    ) -> Result<T> {
        let body = serde_json::to_vec(body)
            .map_err(|e| Error::internal(format!("cannot write the request: {e}")))?;
        self.call(Method::POST, path, body.into(), LIMIT.saturating_add(extra))
    }

    /// Removes what is at `path`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.call(Method::DELETE, path, Bytes::new(), LIMIT)
    }

    fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        limit: Duration,
    ) -> Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::kernel(format!("cannot set up a connection to netd: {e}")))?;
        let (status, answer) = runtime
            .block_on(async { tokio::time::timeout(limit, self.insist(method, path, body)).await })
            .unwrap_or_else(|_| Err(self.silent(limit)))?;
        if !status.is_success() {
            return Err(refusal(status, &answer));
        }
        serde_json::from_slice(&answer).map_err(|e| {
            Error::internal(format!(
                "cannot read netd's answer to {path}: {e}; are netd and netctl of one version?"
            ))
        })
    }

    /// Sends a request again where the agent was too busy to look at it.
    async fn insist(&self, method: Method, path: &str, body: Bytes) -> Result<(StatusCode, Bytes)> {
        let mut pause = FIRST_PAUSE;
        loop {
            let answer = self.send(method.clone(), path, body.clone()).await?;
            if answer.0 != StatusCode::SERVICE_UNAVAILABLE || pause > LAST_PAUSE {
                return Ok(answer);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn connect(&self) -> Result<UnixStream> {
        let mut pause = FIRST_PAUSE;
        loop {
            match UnixStream::connect(&self.socket).await {
                // Its queue is full.
                Err(e) if e.kind() == io::ErrorKind::WouldBlock && pause <= LAST_PAUSE => {}
                done => return done.map_err(|e| self.unreachable(&e)),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<(StatusCode, Bytes)> {
        let stream = self.connect().await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|e| self.broken(&e))?;
        // Its errors also come out of the exchange below.
        let connection = tokio::spawn(async move { connection.await.is_ok() });
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "netd")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|e| Error::internal(format!("cannot ask netd for {path}: {e}")))?;
        let response = sender.send_request(request).await.map_err(|e| self.broken(&e))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        connection.abort();
        let body = body.map_err(|e| {
            Error::kernel(format!("cannot read netd's answer at {}: {e}", self.socket.display()))
        })?;
        Ok((status, body.to_bytes()))
    }

    fn unreachable(&self, cause: &io::Error) -> Error {
        let socket = self.socket.display();
        let (why, advice) = match cause.kind() {
            io::ErrorKind::NotFound => ("no such socket", START),
            io::ErrorKind::ConnectionRefused => ("nothing listens there", START),
            io::ErrorKind::PermissionDenied => {
                ("permission denied", "run as root or as a member of the socket's group")
            }
            _ => return Error::kernel(format!("cannot reach netd at {socket}: {cause}")),
        };
        Error::kernel(format!("cannot reach netd at {socket}: {why}; {advice}"))
    }

    fn broken(&self, cause: &hyper::Error) -> Error {
        Error::kernel(format!(
            "the connection to netd at {} broke: {cause}; see the agent's log and try again",
            self.socket.display()
        ))
    }

    fn silent(&self, limit: Duration) -> Error {
        Error::kernel(format!(
            "netd at {} did not answer within {} s; see the agent's log",
            self.socket.display(),
            limit.as_secs()
        ))
    }
}

/// `text` as one segment of a path, percent-encoded (RFC 3986, 2.3).
#[must_use]
pub fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn refusal(status: StatusCode, answer: &[u8]) -> Error {
    serde_json::from_slice(answer).unwrap_or_else(|_| {
        let code = if status.is_client_error() { ErrorCode::Invalid } else { ErrorCode::Internal };
        Error::new(code, format!("netd answered {status} without saying why; see its log"))
    })
}

/// How long the agent may take for an answer.
const LIMIT: Duration = Duration::from_secs(60);
/// How long to wait before asking a busy agent again, at first and at last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(4);
/// The longest answer in bytes: tens of thousands of containers.
const MAX_ANSWER: usize = 256 << 20;
const START: &str = "is the agent running? start it with `systemctl start netd` or `netd`";

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        os::unix::net::UnixListener,
        thread,
    };

    /// An agent that gives one answer and returns the request that it got.
    fn agent(answer: &'static str) -> (tempfile::TempDir, Client, thread::JoinHandle<String>) {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request[..length].to_vec()).unwrap()
        });
        (directory, Client::new(&socket), server)
    }

    #[test]
    fn answers_come_back_typed() {
        let (_directory, client, server) =
            agent("HTTP/1.1 200 OK\r\ncontent-length: 23\r\n\r\n{\"Id\":\"1\",\"Name\":\"web\"}");
        let removed: crate::api::protocol::Removed =
            client.delete(&format!("/v1/containers/{}", segment("netns:/run/x"))).unwrap();
        assert_eq!(removed.name, "web");
        let request = server.join().unwrap();
        assert!(request.starts_with("DELETE /v1/containers/netns%3A%2Frun%2Fx HTTP/1.1\r\n"));
    }

    #[test]
    fn the_agents_error_arrives_as_it_was_sent() {
        let (_directory, client, server) = agent(
            "HTTP/1.1 404 Not Found\r\ncontent-length: 44\r\n\r\n{\"code\":\"not_found\",\"message\":\"no web here\"}",
        );
        let error = client.get::<serde_json::Value>("/v1/containers/web").unwrap_err();
        assert_eq!(error, Error::not_found("no web here"));
        server.join().unwrap();
    }

    #[test]
    fn a_missing_agent_is_told_with_what_to_do() {
        let client = Client::new(Path::new("/nonexistent/netd.sock"));
        let error = client.get::<serde_json::Value>("/v1/status").unwrap_err();
        assert_eq!(
            error.message,
            "cannot reach netd at /nonexistent/netd.sock: no such socket; is the agent running? \
             start it with `systemctl start netd` or `netd`"
        );
    }

    #[test]
    fn dots_are_encoded_so_that_no_segment_climbs() {
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("a b/ä?"), "a%20b%2F%C3%A4%3F");
    }
}
