#!/usr/bin/env bash
# Clippy with warnings denied: each provider alone, so that none depends on another's dependencies;
# then everything with its tests.
source "$(dirname "$0")/common.sh"
run cargo clippy --locked --no-default-features -- -D warnings
run cargo clippy --locked --no-default-features --features rustcrypto -- -D warnings
run cargo clippy --locked -- -D warnings
run cargo clippy --locked --features full --all-targets -- -D warnings
if has_openssl_headers; then
    run cargo clippy --locked --all-features --all-targets -- -D warnings
fi
run cargo clippy --locked --manifest-path fuzz/Cargo.toml --all-targets -- -D warnings
