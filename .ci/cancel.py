#!/usr/bin/env python3
"""Whether each public async call says what becomes of it when its future is dropped.

A call is a `pub async fn`, a `pub fn` or a method of a `pub trait` that returns a future, or a type with `IntoFuture`. Its documentation says
"Cancel safe" or "Cancel safety: ...". Of a type that is awaited it is enough to say it once, at the type, or at every function that gives one.
What is said is not looked at: that it is true is up to tests and reviews.

    .ci/cancel.py           fails if a call says nothing, and names it
    .ci/cancel.py --list    prints each call with what it says
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FUNCTION = re.compile(r"^(\s*)(pub )?(async )?fn (\w+)")
TYPE = re.compile(r"^\s*pub struct (\w+)")
FUTURE = re.compile(r"\bimpl (?:\w+::)*Future\b|\bBox(?:ed|Future)<|\bPin<Box<dyn (?:\w+::)*Future\b")
SAID = re.compile(r"\bCancel(?: safe\b|[- ]safety: \S)|# Cancel safety +\S")


def documentation_of(lines, at):
    """The lines of documentation above a line, attributes between them left out."""
    said = []
    depth = 0
    for line in reversed(lines[:at]):
        line = line.strip()
        if line.startswith("///"):
            said.append(line[3:].strip())
        elif line.startswith("#[") or depth or re.fullmatch(r"[)\]]+", line):
            # An attribute of several lines is read from its end.
            depth += line.count("]") + line.count(")") - line.count("[") - line.count("(")
        elif not line.startswith("//"):
            break
    return " ".join(reversed(said))


def signature_from(lines, at):
    """A function's head, up to its body."""
    head = []
    for line in lines[at:]:
        head.append(line.strip())
        if line.rstrip().endswith(("{", ";", "}")):
            break
    return " ".join(head)


def calls_in(text):
    """The functions of a file that other crates can call: line, name, what it returns, whether it is async, documentation."""
    lines = text.split("\n")
    trait_ends = None
    for at, line in enumerate(lines):
        if re.match(r"^\s*#\[cfg\((?:all\()?test\b", line) and re.match(r"^\s*(?:pub )?mod \w+ \{", lines[at + 1]):
            return
        if match := re.match(r"^(\s*)pub trait \w+", line):
            trait_ends = match.group(1) + "}"
        elif line == trait_ends:
            trait_ends = None
        match = FUNCTION.match(line)
        if not match or not (match.group(2) or trait_ends is not None):
            continue
        head = signature_from(lines, at)
        returned = head.rsplit("->", 1)[1] if "->" in head else ""
        yield at + 1, match.group(4), returned, bool(match.group(3)), documentation_of(lines, at)


def main():
    files = [(file, file.read_text()) for file in sorted((ROOT / "crates").glob("*/src/**/*.rs"))]
    crate = {file: file.relative_to(ROOT).parts[1] for file, _ in files}
    # Types are told apart by crate and name: two crates have a `Login` each, of which one is awaited.
    awaited, types = set(), {}
    for file, text in files:
        awaited |= {(crate[file], name) for name in re.findall(r"^impl(?:<[^>]*>)? IntoFuture for (\w+)", text, re.M)}
    for file, text in files:
        lines = text.split("\n")
        for at, line in enumerate(lines):
            match = TYPE.match(line)
            if match and (crate[file], match.group(1)) in awaited:
                types[crate[file], match.group(1)] = (file, at + 1, documentation_of(lines, at))
    calls, silent = [], []
    given = {kind: [] for kind in awaited}
    for file, text in files:
        for line, name, returned, is_async, said in calls_in(text):
            place = f"{file.relative_to(ROOT)}:{line}"
            if is_async or FUTURE.search(returned):
                calls.append((place, name, said))
            else:
                for kind in {(crate[file], word) for word in re.findall(r"\w+", returned)} & awaited:
                    given[kind].append((place, name, said))
    for kind in sorted(awaited - set(types)):
        silent.append(f"{kind[1]} of {kind[0]}: awaited, but no public type of that name is found")
    for kind, (file, line, said) in sorted(types.items()):
        if SAID.search(said):
            calls.append((f"{file.relative_to(ROOT)}:{line}", kind[1], said))
        elif given[kind]:
            calls.extend(given[kind])
        else:
            silent.append(f"{file.relative_to(ROOT)}:{line}: {kind[1]}")
    count = len(calls) + len(silent)
    for place, name, said in calls:
        found = SAID.search(said)
        if not found:
            silent.append(f"{place}: {name}")
        elif "--list" in sys.argv[1:]:
            print(f"{place}: {name}: {said[found.start():].split('# Errors')[0].split('```')[0].strip()}")
    if not calls:
        print("no public async call was found, so the search is wrong", file=sys.stderr)
        return 1
    print(f"{count} public async calls, {len(silent)} say nothing about cancellation")
    for line in silent:
        print(f"says nothing about cancellation: {line}", file=sys.stderr)
    return 1 if silent else 0


sys.exit(main())
