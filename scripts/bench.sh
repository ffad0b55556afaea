#!/usr/bin/env bash
# Every bench once, to see that it works. For figures: cargo bench --bench ratios --features full
source "$(dirname "$0")/common.sh"
features=full
if has_openssl_headers; then
    features=full,josekit
fi
run cargo bench --locked --features "$features" -- --test
