#!/usr/bin/env bash
# https without TLS turned on. This is a separate package, because the main tests turn TLS on.
source "$(dirname "$0")/common.sh"
manifest=tests/no_tls/Cargo.toml
if cargo tree --locked --manifest-path "$manifest" --edges normal --prefix none --format '{p}' | grep -E '^(rustls|native-tls|openssl|ring|aws-lc-rs) '; then
    fail "$manifest depends on a TLS library, and must not"
fi
run cargo fmt --check --manifest-path "$manifest"
run cargo clippy --locked --manifest-path "$manifest" --all-targets -- -D warnings
run cargo test --locked --manifest-path "$manifest"
