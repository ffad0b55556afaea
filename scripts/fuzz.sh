#!/usr/bin/env bash
# Runs every fuzz target from its seeds, for KEYFERRY_FUZZ_SECONDS each (default 10). Arguments
# choose targets. Each run repeats the last one; to search for new inputs, set KEYFERRY_FUZZ_SEED=0
# and more seconds.
#
# No sanitizer is used, because `unsafe` is forbidden here. So the stable compiler is enough, with
# RUSTC_BOOTSTRAP for cargo-fuzz's flags.
source "$(dirname "$0")/common.sh"
source scripts/versions.sh
tool cargo-fuzz "$CARGO_FUZZ"
export RUSTC_BOOTSTRAP=1

all=$(cargo fuzz list)
[ -n "$all" ] || fail "there are no fuzz targets"
read -r -d '' -a targets <<<"${*:-$all}" || true

run cargo fuzz build -s none
for target in "${targets[@]}"; do
    seeds="fuzz/seeds/$target"
    [ -n "$(ls -A "$seeds" 2>/dev/null)" ] || fail "$seeds holds no seeds"
    # New inputs are stored outside the source tree.
    corpus="$CARGO_TARGET_DIR/fuzz-corpus/$target"
    mkdir -p "$corpus"
    run cargo fuzz run -s none "$target" "$corpus" "$seeds" -- \
        -seed="${KEYFERRY_FUZZ_SEED:-1}" -max_total_time="${KEYFERRY_FUZZ_SECONDS:-10}" -timeout=5 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1
done
printf '%d fuzz targets\n' "${#targets[@]}"
