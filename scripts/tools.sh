#!/usr/bin/env bash
# Installs the programs that the other scripts need, so that their time is not counted with the checks.
source "$(dirname "$0")/common.sh"
source scripts/versions.sh
tool cargo-hack "$CARGO_HACK"
tool cargo-deny "$CARGO_DENY"
tool cargo-fuzz "$CARGO_FUZZ"
