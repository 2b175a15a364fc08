//! What the tests that need root share.

pub mod budget;
pub mod cases;
pub mod frame;
pub mod kernel;
pub mod ns;
pub mod program;
pub mod world;
