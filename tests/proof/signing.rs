//! Sign, authenticate, ping, delete and PIN reset, the whole way: integrator, hub, device,
//! callback, verification.

mod support;

mod filters;
mod journeys;
mod openssl;
mod pin_reset;
mod refusals;
mod roles;
mod verification;
