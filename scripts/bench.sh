#!/usr/bin/env bash
# Runs every bench once, to see that it works. BENCHMARKS.md names the commands for figures.
source "$(dirname "$0")/common.sh"
features=full
if has_openssl_headers; then
    features=full,josekit
fi
run cargo bench --locked --features "$features" -- --test
