#!/usr/bin/env python3
"""What the lock files say about dependencies, held against `deny.toml` without a network.

`cargo deny check` does the same and also asks for advisories, for which it needs the network; this part runs everywhere.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
POLICY = tomllib.loads((ROOT / "deny.toml").read_text())
# DEP-4 and DEP-5: below these versions there are known weaknesses. Each has its line in `deny.toml`.
FLOORS = ["aes-gcm:<0.10.3", "h2:<0.4.4", "rustls:<0.23.5", "tracing-subscriber:<0.3.20", "curve25519-dalek:<4.1.3", "ed25519-dalek:<2"]


def version(text):
    return tuple(int(part) for part in re.split(r"[-+]", text)[0].split("."))


def forbidden(rule, package):
    """Whether a rule `name` or `name:<version` means this package."""
    name, _, bound = rule.partition(":")
    if name != package["name"]:
        return False
    if not bound:
        return True
    if not bound.startswith("<"):
        raise ValueError(f"a rule that is not understood: {rule}")
    wanted = version(bound[1:])
    return version(package["version"])[: len(wanted)] < wanted


def licensed(expression, allowed):
    """Whether the allowed licences are enough for an SPDX expression."""
    words = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def either():
        found = both()
        while words and words[0] == "OR":
            words.pop(0)
            found = both() or found
        return found

    def both():
        found = one()
        while words and words[0] == "AND":
            words.pop(0)
            found = one() and found
        return found

    def one():
        word = words.pop(0)
        if word == "(":
            found = either()
            words.pop(0)
            return found
        if words and words[0] == "WITH":
            words.pop(0)
            word = f"{word} WITH {words.pop(0)}"
        return word in allowed

    return either()


def check(manifest, published):
    found = subprocess.run(
        ["cargo", "metadata", "--locked", "--all-features", "--format-version", "1", "--manifest-path", str(manifest)],
        check=True,
        stdout=subprocess.PIPE,
    )
    metadata = json.loads(found.stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    users = {}
    for node in metadata["resolve"]["nodes"]:
        for needed in node["deps"]:
            users.setdefault(needed["pkg"], set()).add(packages[node["id"]]["name"])
    wrong = []
    allowed = set(POLICY["licenses"]["allow"])
    sources = {package["source"] for package in packages.values()} - {None}
    if len(sources) > 1 or any(not source.startswith("registry+") for source in sources):
        wrong.append(f"packages come from {sorted(sources)}")
    for identity, package in packages.items():
        name = f"{package['name']} {package['version']}"
        if published and not licensed(package["license"] or "none", allowed):
            wrong.append(f"{name} has the licence {package['license']}")
        for rule in POLICY["bans"]["deny"]:
            if forbidden(rule["crate"], package):
                others = users.get(identity, set()) - set(rule.get("wrappers", []))
                if others or not rule.get("wrappers"):
                    wrong.append(f"{name} is forbidden ({rule['crate']}) and used by {sorted(users.get(identity, []))}")
    names = [package["name"] for package in packages.values()]
    twice = sorted({name for name in names if names.count(name) > 1})
    print(f"{manifest.relative_to(ROOT)}: {len(packages)} packages; in several versions: {' '.join(twice) or 'none'}")
    return wrong


def main():
    wrong = []
    rules = [rule["crate"] for rule in POLICY["bans"]["deny"]]
    wrong += [f"deny.toml lacks {floor}" for floor in FLOORS if floor not in rules]
    # The fuzz targets are for nobody else, so licences do not matter there.
    wrong += check(ROOT / "Cargo.toml", published=True)
    wrong += check(ROOT / "fuzz/Cargo.toml", published=False)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


sys.exit(main())
