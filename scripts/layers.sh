#!/usr/bin/env bash
# Imports point down: a module uses modules of its own layer or of a lower one. Reads every path
# that begins with `crate::` or `super::` in the code of src, comments and tests left out.
source "$(dirname "$0")/common.sh"

"${KEYFERRY_PYTHON:-python3}" - "$@" <<'EOF'
import pathlib, re, sys

# From the bottom up. The longest prefix of a module's path tells its layer; modules in one line may
# use each other.
LAYERS = """
error secret
json der encoding crypto
name certificate csr cms jose
clock gate keys issuer transport
client server
hermod::model hermod::dialect
hermod::qr hermod::proof
hermod::wire
hermod::client
hermod::integrator hermod::device hermod::hub
hermod::server
hermod
testing
"""
layer = {name: number for number, line in enumerate(LAYERS.split("\n")) for name in line.split()}
# The root's own items, and the modules that they come from.
ROOT = {"Error": "error", "Class": "error", "Secret": "secret", "BaseUrl": "transport", "Gate": "gate",
        "Certificate": "certificate", "Validity": "certificate", "Remark": "certificate",
        "Clock": "clock", "ManualClock": "clock", "MonotonicTime": "clock", "SystemClock": "clock"}
# What the folder of a protocol names itself: `hermod::Dialect`.
ALIASES = {"hermod::Dialect": "hermod::dialect"}
# Encodings draw the random bits of a UUID from a provider, so the two are one layer; `BoxFuture`,
# `MAX_CHAIN` and the like are only types and numbers.


def layer_of(path):
    parts = path.split("::")
    for length in range(len(parts), 0, -1):
        name = "::".join(parts[:length])
        name = ALIASES.get(name, name)
        if name in layer:
            return name, layer[name]
    return None


def without_tests(text):
    cut = re.search(r"(?m)^#\[cfg\(.*?test.*?\)\]\n(?:#\[.*\]\n)*mod tests \{", text)
    text = text[: cut.start()] if cut else text
    return re.sub(r"(?m)//.*$|pub\(in [^)]*\)|\"[^\"\n]*\"", "", text)


def leaves(tree, prefix):
    """The paths that a `use` tree names."""
    tree = tree.strip()
    brace = tree.find("{")
    if brace < 0:
        return [prefix + [part.strip() for part in tree.split(" as ")[0].split("::")]]
    head = [part.strip() for part in tree[:brace].split("::") if part.strip()]
    found, depth, start, inner = [], 0, 0, tree[brace + 1 : tree.rfind("}")]
    for at, character in enumerate(inner + ","):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            if inner[start:at].strip():
                found += leaves(inner[start:at], prefix + head)
            start = at + 1
    return found


upward, checked = [], 0
for file in sorted(pathlib.Path("src").rglob("*.rs")):
    if file.name == "tests.rs" or file.name == "lib.rs":
        continue
    module = list(file.with_suffix("").parts[1:])
    own = layer_of("::".join(module))
    if own is None:
        sys.exit(f"{file}: a module without a layer; add it to scripts/layers.sh")
    text = without_tests(file.read_text())
    paths = []
    for use in re.finditer(r"\buse\s+((?:crate|super|self)\b[^;]*);", text):
        paths += leaves(use.group(1), [])
    rest = re.sub(r"\buse\s+[^;]*;", "", text)
    paths += [found.group().lstrip("$").split("::") for found in re.finditer(r"\$?\b(?:crate|super)(?:::\w+)+", rest)]
    for path in paths:
        if path[0] == "crate":
            target = path[1:]
        else:
            target = list(module)
            for part in path:
                if part == "super":
                    target = target[:-1]
            target += [part for part in path if part not in ("super", "self")]
        if not target:
            continue
        if target[0] in ROOT:
            target = [ROOT[target[0]]]
        other = layer_of("::".join(target))
        checked += 1
        if other is not None and other[1] > own[1]:
            upward.append(f"{file}: {own[0]} uses {'::'.join(path)}, which is above it")
for line in sorted(set(upward)):
    print(line)
if upward:
    sys.exit("error: these imports point up; DESIGN.md says which module may use which")
print(f"{checked} imports, none points up")
EOF
