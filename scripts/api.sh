#!/usr/bin/env bash
# The public names are those of docs/api.txt, which is reviewed with each change, and signatures
# show no type of a crate that has not reached 1.0. With --write, the list is written again.
source "$(dirname "$0")/common.sh"
source scripts/versions.sh
tool cargo-public-api "$CARGO_PUBLIC_API"
json="$CARGO_TARGET_DIR/api/doc/keyferry.json"
# The description of an interface as JSON is an unstable option, which RUSTC_BOOTSTRAP allows.
RUSTC_BOOTSTRAP=1 run cargo rustdoc --quiet --locked --lib --features full --target-dir "$CARGO_TARGET_DIR/api" -- \
    -Z unstable-options --output-format json
cargo public-api --rustdoc-json "$json" -sss |
    "${KEYFERRY_PYTHON:-python3}" -c '
import pathlib, re, sys

# Crates whose types may show. tower_service has not reached 1.0, and is what every framework
# shares; reqwest and ureq show in the constructors of their transports only.
ALLOWED = {"keyferry", "core", "alloc", "std", "bytes", "http", "http_body", "serde", "serde_core",
           "serde_json", "tokio", "tower_service", "hyper", "zeroize"}
CONSTRUCTORS = {"reqwest": "ReqwestTransport|reqwest_builder", "ureq": "UreqTransport"}
lines = sys.stdin.read().split("\n")
bad = []
for line in lines:
    for root in re.findall(r"(?<![\w:])([a-z_][a-z_0-9]*)::", line):
        if root not in ALLOWED and not re.search(CONSTRUCTORS.get(root, r"\0"), line):
            bad.append(f"a type of {root} shows: {line}")

names = set()
for line in lines:
    found = re.match(r"(?:#\[[^\]]*\] )*pub (?:async |unsafe |const (?=fn))*(mod|struct|enum|trait|type|fn|const|static|macro) (keyferry(?:::\w+)*)", line)
    if found is None:
        continue
    kind, path = found.groups()
    # An item of a module, not of a type.
    if all(part[0].islower() for part in path.split("::")[:-1]):
        names.add(f"{path} ({kind})")
text = "".join(f"{name}\n" for name in sorted(names))
file = pathlib.Path("docs/api.txt")
if "--write" in sys.argv:
    file.write_text(text)
elif text != file.read_text():
    import difflib
    bad += list(difflib.unified_diff(file.read_text().split("\n"), text.split("\n"), "docs/api.txt", "the code", lineterm="", n=0))
    bad.append("scripts/api.sh --write writes the list; review the difference")
print("\n".join(bad))
print(f"{len(names)} public names")
sys.exit(bool(bad))
' "$@"
