"""What the scripts of all clients share: the steps' report and the content of files."""

import json
import os
import signal
import subprocess
import sys
import traceback

SIZES = [int(s) for s in os.environ.get("INTEROP_SIZES", "0,1,131072,3145735").split(",")]
# A name that is hard to carry over, for a file of 20 bytes.
NAME = "ü 名 🙂 & %41 'x'.txt"
failed = False


def content(size):
    """Byte i of a file of size s is (i * 31 + s) mod 251, in every client's script."""
    period = bytes((i * 31 + size) % 251 for i in range(251))
    return (period * (size // 251 + 1))[:size]


def readable(folder, size):
    """False for what megajs wrote with a wrong MAC: it chains one too many where a file ends on a chunk border."""
    at, step_size = 0, 1
    while at < size:
        at += min(step_size, 8) * 131072
        step_size += 1
    return size > 0 and not (folder == "from megajs" and at == size)


def report(step, result, detail=None):
    global failed
    failed = failed or result == "fail"
    line = {"step": step, "result": result}
    if detail:
        line["detail"] = detail[-800:]
    print(json.dumps(line), flush=True)


def step(name, run):
    """Runs one step; what it returns matters only if it is "none": not offered by the client."""
    try:
        report(name, "none" if run() == "none" else "pass")
    except BaseException:  # noqa: BLE001 - also a client that calls exit() has failed the step
        report(name, "fail", traceback.format_exc())


def same(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: {len(got)} bytes differ from the {len(want)} expected")


def size_of(name):
    """The size of a file that every script writes, by its name; None for other files."""
    if name == NAME:
        return 20
    return int(name[1:]) if name[1:].isdigit() else None


def read_others(own, folders, files, read, lost=()):
    """Reads what the other clients wrote, one step for each: `folders()` are the names in the root, `files(folder)` what is
    in one as name -> size (or None), `read(folder, name)` the content of a file. In `lost` folders the client cannot read a
    name that is hard to carry over."""
    listed = []
    step("list", lambda: listed.extend(folders()))
    for folder in listed:
        if folder.startswith("from ") and folder != own:
            step(f"reads {folder}", lambda folder=folder: read_folder(folder, files, read, folder in lost))


def read_folder(folder, files, read, lost):
    found = files(folder)
    assert lost or NAME in found, f"{NAME} is not among {list(found)}"
    for name, told in found.items():
        size = size_of(name)
        if size is not None:
            assert told in (None, size), f"{name}: {told} bytes"
            if readable(folder, size):
                same(read(folder, name), content(size), f"{folder}/{name}")


def opened(url, link, name=None):
    """What is behind a public link, opened by a client that is not signed in and not the one that made it: megajs. For the link
    of a folder `name` is a file in it, or "." for the folder's own name."""
    command = ["node", os.environ["OPEN_LINK"], url, link] + ([] if name is None else [name])
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def arguments(seconds=600):
    """URL, e-mail, password, own folder, mode. The script ends by itself."""
    signal.alarm(seconds)
    url, email, password, own = sys.argv[1:5]
    return url, email, password, own, (sys.argv[5] if len(sys.argv) > 5 else "full")


def finish():
    sys.exit(1 if failed else 0)
