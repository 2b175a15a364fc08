//! Changes of what should exist: requests applied to a [`Spec`](super::Spec). Each checks
//! everything first and leaves the spec untouched where it fails.

mod apply;
mod attach;
mod containers;
mod input;
mod lifecycle;
mod made_up;
mod networks;
mod ports;

pub use apply::Circumstances;
pub use attach::Foreign;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
