#!/usr/bin/env bash
# Checks the format of every file, fuzz targets included.
source "$(dirname "$0")/common.sh"
run cargo fmt --check
run cargo fmt --check --manifest-path fuzz/Cargo.toml
