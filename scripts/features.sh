#!/usr/bin/env bash
# Features: every pair builds without a warning, and none brings what it must not.
source "$(dirname "$0")/common.sh"
source scripts/versions.sh

# Where Rust is all there is, no C compiler may be called.
without_c() {
    local found
    found=$(cargo tree --locked --edges normal,build --prefix none --format '{p}' "$@" | grep -E '^(cc|cmake|pkg-config|bindgen|[a-z0-9_-]+-sys) ' || true)
    [ -z "$found" ] || fail "cargo tree $* shows what needs a C compiler: $found"
    printf 'no C in %s\n' "$*"
}
without_c --no-default-features
without_c --no-default-features --features rustcrypto,hub,device,ca,qr,server,reqwest,ureq,testing

# And OpenSSL comes with `josekit` alone.
if cargo tree --locked --edges normal,build --prefix none --features full | grep -E '^(openssl|openssl-sys|josekit) '; then
    fail "the feature full brings OpenSSL"
fi

tool cargo-hack "$CARGO_HACK"
exclude=full
has_openssl_headers || exclude=full,josekit
# Clippy is `cargo check` with more lints, and has the same artifacts.
run cargo hack clippy --feature-powerset --depth 2 --exclude-features "$exclude" --no-dev-deps -- -D warnings
