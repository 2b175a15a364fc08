//! The one error that leaves the library: a class for machines and one line for people.

use nix::errno::Errno;
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

    /// A refusal of a system call that ended with `errno`. Where it is for want of descriptors,
    /// memory or time, it says nothing of what was asked for: netd itself is short of something.
    pub fn refused(errno: Option<i32>, message: impl Into<String>) -> Self {
        let shortages = [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::EINTR, Errno::EAGAIN];
        match errno.is_some_and(|errno| shortages.contains(&Errno::from_raw(errno))) {
            true => Self::internal(message),
            false => Self::kernel(message),
        }
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
