//! What the example programs share; each uses some of it.

#![allow(unreachable_pub, dead_code)]

pub mod arguments;
pub mod lines;
pub mod verdict;
