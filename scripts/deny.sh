#!/usr/bin/env bash
# Licences, sources, second versions. CI cannot reach the advisory database, so it is not checked
# here.
source "$(dirname "$0")/common.sh"
source scripts/versions.sh
tool cargo-deny "$CARGO_DENY"
run cargo deny --locked --exclude-dev check bans licenses sources
