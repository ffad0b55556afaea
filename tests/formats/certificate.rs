//! Certificates: what is read, what is refused, and how names compare.

mod chains;
mod memory;
mod names;
mod reading;
mod support;
