#!/usr/bin/env bash
# Installs the programs that the other scripts need, so that installing does not count as checking.
source "$(dirname "$0")/common.sh"
source scripts/versions.sh
tool cargo-hack "$CARGO_HACK"
tool cargo-deny "$CARGO_DENY"
tool cargo-fuzz "$CARGO_FUZZ"
tool cargo-public-api "$CARGO_PUBLIC_API"
