#!/usr/bin/env bash
# The tests with every peer: the feature josekit too, and no test skipped for want of a program (openssl, zbarimg).
source "$(dirname "$0")/common.sh"
export KEYFERRY_REQUIRE_PEERS=1
for program in openssl zbarimg; do
    command -v "$program" >/dev/null || fail "the program $program is not there"
done
has_openssl_headers
run cargo test --locked --all-features
