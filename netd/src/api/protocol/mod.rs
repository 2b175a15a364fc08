//! What goes over the socket. Requests carry text that the agent parses; answers carry what
//! `netctl` prints. Field names follow Docker's API where Docker has a word for the thing.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /v1/networks` | | `[NetworkInspect]` |
//! | `POST /v1/networks` | `NetworkCreate` | `NetworkInspect` |
//! | `GET /v1/networks/{ref}` | | `NetworkInspect` |
//! | `DELETE /v1/networks/{ref}` | | `Removed` |
//! | `POST /v1/networks/prune` | | `Pruned` |
//! | `POST /v1/networks/{ref}/connect` | `NetworkConnect` | `ContainerInspect` |
//! | `POST /v1/networks/{ref}/disconnect` | `NetworkDisconnect` | `{}` |
//! | `GET /v1/containers` | | `[ContainerInspect]`, stopped ones included |
//! | `POST /v1/containers` | `ContainerCreate` | `ContainerInspect` |
//! | `GET /v1/containers/{ref}` | | `ContainerInspect` |
//! | `POST /v1/containers/{ref}/start` | `ContainerStart` | `ContainerInspect` |
//! | `POST /v1/containers/{ref}/exit` | `ContainerExit` | `{}` |
//! | `POST /v1/containers/{ref}/stop` | `ContainerStop` | `ContainerInspect` |
//! | `POST /v1/containers/{ref}/publish` | `ContainerPublish` | `[PortView]`, what is new |
//! | `POST /v1/containers/{ref}/unpublish` | `ContainerUnpublish` | `{}` |
//! | `DELETE /v1/containers/{ref}?force=true` | | `Removed` |
//! | `POST /v1/apply` | `Apply` | `Applied` |
//! | `GET /v1/export` | | a spec as JSON |
//! | `GET /v1/status` | | `Status` |
//! | `GET /v1/drops` | | `[Drop]` |
//! | `GET /v1/doctor` | | `Report` |
//! | `POST /v1/teardown` | | `{}`, then the agent ends |
//!
//! `{ref}` is a name, an identity or a unique prefix of one, percent-encoded (a foreign
//! container's name has slashes). A failure is the error's HTTP status with an
//! [`ErrorBody`](crate::error::Error) as JSON: `{"code":"not_found","message":"..."}`.

mod answers;
mod apply;
mod containers;
mod networks;
mod report;

pub use crate::error::Error as ErrorBody;
pub use answers::*;
pub use apply::*;
pub use containers::*;
pub use networks::*;
pub use report::*;
