#!/usr/bin/env bash
# Licences, sources, second versions. The advisory database is not asked: it is no package registry, and CI reaches nothing else.
source "$(dirname "$0")/common.sh"
source scripts/versions.sh
tool cargo-deny "$CARGO_DENY"
run cargo deny --locked --exclude-dev check bans licenses sources
