//! Hermod (Nexus Smart ID Messaging).
