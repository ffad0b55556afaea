#!/usr/bin/env bash
# The documentation, with warnings denied.
source "$(dirname "$0")/common.sh"
export RUSTDOCFLAGS="-D warnings"
run cargo doc --locked --no-deps --features full
if has_openssl_headers; then
    run cargo doc --locked --no-deps --all-features
fi
