//! What the two bench programs share.

pub mod cases;
mod peers;
