#!/usr/bin/env bash
# The tests with every peer, and with the feature josekit. No test may be skipped, so these programs
# are needed: openssl, zbarimg, curl, and a Python with the packages `cryptography` and
# `standardwebhooks` (KEYFERRY_PYTHON, or python3).
source "$(dirname "$0")/common.sh"
export KEYFERRY_REQUIRE_PEERS=1
for program in openssl zbarimg curl "${KEYFERRY_PYTHON:-python3}"; do
    command -v "$program" >/dev/null || fail "the program $program is missing"
done
has_openssl_headers
run cargo test --locked --all-features
