//! Code that the bench programs share. Each uses a part of it.

#![allow(dead_code, unreachable_pub)]

pub mod cases;
mod peers;
pub mod worst;

/// The cases.
pub type Work = Box<dyn Fn() + Send + Sync>;
