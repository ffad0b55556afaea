//! What the bench programs share; each uses some of it.

#![allow(dead_code, unreachable_pub)]

pub mod cases;
mod peers;
pub mod worst;

/// What is measured.
pub type Work = Box<dyn Fn() + Send + Sync>;
