#!/usr/bin/env bash
# The documentation, with warnings denied.
source "$(dirname "$0")/common.sh"
export RUSTDOCFLAGS="-D warnings"
run cargo doc --locked --no-deps --features full
# As docs.rs builds it, where each item shows its features. That is not stable yet, so the compiler is told to allow it.
RUSTC_BOOTSTRAP=1 RUSTDOCFLAGS="-D warnings --cfg docsrs" run cargo doc --locked --no-deps --features full --target-dir "$CARGO_TARGET_DIR/docsrs"
if has_openssl_headers; then
    run cargo doc --locked --no-deps --all-features
fi
