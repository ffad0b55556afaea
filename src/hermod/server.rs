//! Servers: each wire as a tower service.
