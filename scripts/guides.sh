#!/usr/bin/env bash
# The code in docs/ is the code of the examples. A comment above a block names its source, such as
# <!-- examples/application_server.rs: table -->, and the source marks the region with
# `// region: table` and `// endregion`. `--write` copies the regions into the guides.
source "$(dirname "$0")/common.sh"
"${KEYFERRY_PYTHON:-python3}" - "${1:-}" <<'PYTHON' || fail "a guide differs from its example: run scripts/guides.sh --write"
import glob, re, sys, textwrap

write = sys.argv[1] == "--write"
quote = re.compile(r"<!-- (\S+): ([\w-]+) -->\n```rust\n(.*?)```\n", re.DOTALL)
quoted, wrong = 0, []

def region(file, name):
    with open(file, encoding="utf-8") as source:
        found = re.search(rf"^ *// region: {name}\n(.*?)^ *// endregion", source.read(), re.DOTALL | re.MULTILINE)
    if not found:
        sys.exit(f"{file} has no region {name}")
    return textwrap.dedent(found[1])

for guide in sorted(glob.glob("docs/*.md")):
    with open(guide, encoding="utf-8") as file:
        text = file.read()
    def current(found):
        global quoted
        quoted += 1
        code = region(found[1], found[2])
        if code != found[3]:
            wrong.append(f"{guide}: {found[2]}")
        return f"<!-- {found[1]}: {found[2]} -->\n```rust\n{code}```\n"
    new = quote.sub(current, text)
    # A block that no example stands behind could be wrong without anybody noticing.
    if text.count("```rust") != len(quote.findall(text)):
        sys.exit(f"{guide} has a block of Rust without a source")
    if write and new != text:
        with open(guide, "w", encoding="utf-8") as file:
            file.write(new)
print(f"{quoted} quoted regions")
if wrong and not write:
    sys.exit("\n".join(wrong))
PYTHON
