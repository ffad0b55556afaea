#!/usr/bin/env bash
# Every pair of features builds without warnings, and no feature adds a forbidden dependency.
source "$(dirname "$0")/common.sh"
source scripts/versions.sh

# These features must not need a C compiler.
without_c() {
    local found
    found=$(cargo tree --locked --edges normal,build --prefix none --format '{p}' "$@" | grep -E '^(cc|cmake|pkg-config|bindgen|[a-z0-9_-]+-sys) ' || true)
    [ -z "$found" ] || fail "cargo tree $* shows packages that need a C compiler: $found"
    printf 'no C compiler needed with %s\n' "$*"
}
without_c --no-default-features
without_c --no-default-features --features rustcrypto,hub,device,ca,qr,server,reqwest,ureq,testing

# Only `josekit` depends on OpenSSL.
if cargo tree --locked --edges normal,build --prefix none --features full | grep -E '^(openssl|openssl-sys|josekit) '; then
    fail "the feature full depends on OpenSSL"
fi

tool cargo-hack "$CARGO_HACK"
exclude=full
has_openssl_headers || exclude=full,josekit
# Clippy is `cargo check` with more lints, and shares its artifacts.
run cargo hack clippy --feature-powerset --depth 2 --exclude-features "$exclude" --no-dev-deps -- -D warnings
