#!/usr/bin/env bash
# Builds the documentation, with warnings denied.
source "$(dirname "$0")/common.sh"
export RUSTDOCFLAGS="-D warnings"
run cargo doc --locked --no-deps --features full
# The build of docs.rs, where each item shows its features. That needs an unstable option, which
# RUSTC_BOOTSTRAP allows.
RUSTC_BOOTSTRAP=1 RUSTDOCFLAGS="-D warnings --cfg docsrs" run cargo doc --locked --no-deps --features full --target-dir "$CARGO_TARGET_DIR/docsrs"
if has_openssl_headers; then
    run cargo doc --locked --no-deps --all-features
fi
