#!/usr/bin/env python3
"""Which tests prove which rule.

Every rule of the threat model has an id, like RSA-6. The test that proves one carries the id in its name (`rsa_6_...`) or in a comment at it
or in it; a rule about dependencies and the build may be proven by a step of `.ci/run` that names it in a comment. `.ci/rules.txt` keeps the ids.

    .ci/rules.py            fails if an id is named by no test, or a test names an id that there is not; ids with a question mark are open
    .ci/rules.py --list     prints the table: id, then file and test
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLACES = ["crates", "sim", "fuzz/checks", "examples", "benches"]
TEST = re.compile(r"#\[(?:\w+::)*test\b[^\n]*\]")
FUNCTION = re.compile(r"^\s*(?:pub(?:\(\w+\))? )?(?:async )?fn (\w+)")


def ranges(groups, first, last):
    """`RSA-1..RSA-12`, `NET-1..=NET-8` and `LOG-1..5` name everything between their ends."""
    return {f"{groups}-{number}" for number in range(int(first), int(last) + 1)}


def ids_in(text, known):
    """The ids that a comment names."""
    groups = "|".join(sorted({one.split("-")[0] for one in known}))
    found = {f"{group}-{number}" for group, number in re.findall(rf"\b({groups})-(\d+)\b", text)}
    for group, first, last in re.findall(rf"\b({groups})-(\d+)\.\.=?(?:(?:{groups})-)?(\d+)", text):
        found |= ranges(group, first, last)
    return found


def ids_of_name(name, known):
    """The ids that a test's name carries: `rsa_6_...`, also several, also at its end."""
    groups = "|".join(sorted({one.split("-")[0].lower() for one in known}))
    return {f"{group.upper()}-{number}" for group, number in re.findall(rf"(?:^|_)({groups})_(\d+)(?=_|$)", name)}


def comment_of(line):
    """What a line says in a comment. A `//` in a string counts too, which does no harm."""
    at = line.find("//")
    return line[at:] if at >= 0 else ""


def tests_in(text):
    """Each test of a Rust file: its name, and the comments at it and in it."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        if not TEST.search(lines[at]):
            at += 1
            continue
        comments = []
        above = at - 1
        while above >= 0 and re.match(r"\s*(//|#\[)", lines[above]):
            comments.append(comment_of(lines[above]))
            above -= 1
        name, indent, body = None, "", at
        while body < len(lines):
            comments.append(comment_of(lines[body]))
            function = FUNCTION.match(lines[body])
            if function:
                name, indent = function.group(1), re.match(r"\s*", lines[body]).group(0)
                break
            body += 1
        # Formatted code ends a function at the column where it began.
        end = body
        while end < len(lines) and lines[end] != indent + "}" and not lines[end].endswith("{}"):
            comments.append(comment_of(lines[end]))
            end += 1
        if name:
            yield name, "\n".join(comments)
        at = end + 1


def steps_in(text):
    """Each step of `.ci/run`: its name, and the comments above it and in it."""
    for match in re.finditer(r"((?:^#[^\n]*\n)*)^(step_\w+)\(\) \{\n(.*?)^\}", text, re.M | re.S):
        comments = [match.group(1)] + re.findall(r"#[^\n]*", match.group(3))
        yield match.group(2), "\n".join(comments)


def main():
    lines = [line for line in (ROOT / ".ci/rules.txt").read_text().split("\n") if not line.startswith("#")]
    words = " ".join(lines).split()
    known = [word.removesuffix("?") for word in words]
    still_open = {word.removesuffix("?") for word in words if word.endswith("?")}
    table = {one: [] for one in known}
    unknown = []

    def note(place, name, found):
        for one in sorted(found):
            if one in table:
                table[one].append((place, name))
            else:
                unknown.append(f"{place}: {name} names {one}")

    for folder in PLACES:
        for file in sorted((ROOT / folder).rglob("*.rs")):
            place = str(file.relative_to(ROOT))
            for name, comments in tests_in(file.read_text()):
                note(place, name, ids_of_name(name, known) | ids_in(comments, known))
    for name, comments in steps_in((ROOT / ".ci/run").read_text()):
        note(".ci/run", name, ids_in(comments, known))

    without = [one for one in known if not table[one]]
    missing = [one for one in without if one not in still_open]
    done = sorted(still_open - set(without))
    if "--list" in sys.argv[1:]:
        for one in known:
            for place, name in table[one]:
                print(f"{one:7} {place}: {name}")
    tests = {test for found in table.values() for test in found}
    if still_open & set(without):
        print(f"known to be open: {' '.join(one for one in without if one in still_open)}")
    if done:
        print(f"no longer open, take the question mark away: {' '.join(done)}")
    print(f"{len(known) - len(without)} of {len(known)} rules, named by {len(tests)} tests and steps")
    for line in unknown:
        print(f"no such rule: {line}", file=sys.stderr)
    if missing:
        print(f"named by no test: {' '.join(missing)}", file=sys.stderr)
    return 1 if missing or unknown else 0


sys.exit(main())
