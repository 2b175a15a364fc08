//! The one error that leaves the library: a class for machines and one line for people.

use serde::{Deserialize, Serialize};

/// What kind of failure it is; decides the HTTP status and the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request makes no sense: wrong usage.
    Invalid,
    /// The object that the request names does not exist.
    NotFound,
    /// The request contradicts what exists: a taken name, address or port, an object in use.
    Conflict,
    /// The kernel or another program refused.
    Kernel,
    /// netd itself is at fault.
    Internal,
}

impl ErrorCode {
    /// 2 for wrong usage, 1 for everything else that failed.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Invalid => 2,
            Self::NotFound | Self::Conflict | Self::Kernel | Self::Internal => 1,
        }
    }

    /// The HTTP status that carries this class over the socket.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Kernel | Self::Internal => 500,
        }
    }
}

/// A failure, in one lower-case line: what failed, on which object, why, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Error {
    /// The class of the failure.
    pub code: ErrorCode,
    /// The line that a person reads.
    pub message: String,
}

impl Error {
    /// An error of class `code`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Wrong usage.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Invalid, message)
    }

    /// An object that does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    /// A request that contradicts what exists.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, message)
    }

    /// A refusal by the kernel.
    pub fn kernel(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Kernel, message)
    }

    /// A fault of netd's own.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message)
    }

    /// The same error, with what was being done put in front.
    #[must_use]
    pub fn context(self, what: impl std::fmt::Display) -> Self {
        Self { code: self.code, message: format!("{what}: {}", self.message) }
    }
}

/// What every fallible function of the agent returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
