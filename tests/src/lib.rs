//! What the tests that need root share.

pub mod cases;
pub mod frame;
pub mod kernel;
pub mod ns;
pub mod world;
