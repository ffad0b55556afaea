#!/usr/bin/env bash
# https where nobody turned TLS on: a package of its own, because the tests of this one do.
source "$(dirname "$0")/common.sh"
manifest=tests/no_tls/Cargo.toml
if cargo tree --locked --manifest-path "$manifest" --edges normal --prefix none --format '{p}' | grep -E '^(rustls|native-tls|openssl|ring|aws-lc-rs) '; then
    fail "$manifest has TLS, and so cannot show what is said without it"
fi
run cargo fmt --check --manifest-path "$manifest"
run cargo clippy --locked --manifest-path "$manifest" --all-targets -- -D warnings
run cargo test --locked --manifest-path "$manifest"
