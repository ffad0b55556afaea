#!/usr/bin/env bash
# Every fuzz target from its seeds, for KEYFERRY_FUZZ_SECONDS each (10). Arguments choose targets. A run repeats what the last one did; to search, say
# KEYFERRY_FUZZ_SEED=0 and give it time.
#
# There is no sanitizer (`unsafe` is forbidden here), so the stable compiler does, once it is told to take cargo-fuzz's flags.
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
    # What is found is kept outside the tree.
    corpus="$CARGO_TARGET_DIR/fuzz-corpus/$target"
    mkdir -p "$corpus"
    run cargo fuzz run -s none "$target" "$corpus" "$seeds" -- \
        -seed="${KEYFERRY_FUZZ_SEED:-1}" -max_total_time="${KEYFERRY_FUZZ_SECONDS:-10}" -timeout=5 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1
done
printf '%d fuzz targets\n' "${#targets[@]}"
