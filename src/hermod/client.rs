//! Clients: each wire over any transport.
