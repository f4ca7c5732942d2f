"""The scenario with megatools. Its address is compiled in and pinned: a preloaded library rewrites it (redirect.c)."""

import os
import subprocess
import tempfile

from scenario import NAME, SIZES, arguments, content, finish, read_others, same, step

url, email, password, own, mode = arguments()
work = tempfile.mkdtemp()
environment = dict(os.environ)
environment["LD_PRELOAD"] = os.environ["REDIRECT_LIBRARY"]
environment["MEGA_REDIRECT"] = url
# The session lives in the temporary folder, keyed by account.
environment["TMPDIR"] = work


def megatools(command, *args, account=True):
    sign = ["--username", email, "--password", password] if account else []
    done = subprocess.run(["megatools", command, "--ignore-config-file", *sign, *args],
                          capture_output=True, env=environment, timeout=120, check=False)
    text = done.stderr.decode(errors="replace")
    if done.returncode or "ERROR" in text:
        raise AssertionError(f"megatools {command}: {done.stdout.decode(errors='replace')} {text}")
    return done.stdout


# Paths as they were listed, by what they mean.
LISTED = {}


def text(raw):
    """megatools writes both halves of an escaped surrogate pair as if they were characters."""
    path = raw.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")
    LISTED[path] = raw
    return path


def names(path):
    return set(map(text, megatools("ls", "--reload", path).splitlines()))


def upload(size):
    if size == 0:
        # It asks for an address and then sends nothing, so it never gets a completion token.
        return "none"
    path = os.path.join(work, f"f{size}")
    with open(path, "wb") as out:
        out.write(content(size))
    return megatools("put", "--no-progress", "--disable-previews", "--path", f"/Root/{own}/f{size}", path)


def read(path):
    target = os.path.join(tempfile.mkdtemp(), "x")
    megatools("get", "--no-progress", "--reload", "--path", target, LISTED.get(path, path))
    with open(target, "rb") as file:
        return file.read()


def compare():
    for size in SIZES:
        if size:
            same(read(f"/Root/{own}/f{size}"), content(size), f"f{size}")


def link():
    address = megatools("export", f"/Root/{own}/f3145735").decode().split()[0]
    target = os.path.join(tempfile.mkdtemp(), "x")
    megatools("dl", "--no-progress", "--path", target, address, account=False)
    with open(target, "rb") as file:
        same(file.read(), content(3145735), "link")


def delete():
    megatools("rm", f"/Root/{own}/sub")
    assert f"/Root/{own}/sub" not in names(f"/Root/{own}")


def put_hard_name():
    path = os.path.join(work, NAME)
    with open(path, "wb") as out:
        out.write(content(20))
    megatools("put", "--no-progress", "--disable-previews", "--path", f"/Root/{own}/{NAME}", path)


def children(path):
    """The names directly below a path; the listing is of the whole tree below it."""
    return [n.removeprefix(path + "/") for n in names(path) if n.startswith(path + "/") and "/" not in n.removeprefix(path + "/")]


step("sign in", lambda: megatools("ls", "--reload"))
if mode == "read":
    read_others(own, lambda: children("/Root"), lambda folder: dict.fromkeys(children(f"/Root/{folder}")),
                lambda folder, name: read(f"/Root/{folder}/{name}"))
else:
    step("list", lambda: names("/Root"))
    step("make folders", lambda: (megatools("mkdir", f"/Root/{own}"), megatools("mkdir", f"/Root/{own}/sub")))
    for size in SIZES:
        step(f"upload {size}", lambda size=size: upload(size))
    step("upload a hard name", put_hard_name)
    step("download and compare", compare)
    step("rename", lambda: "none")
    step("move", lambda: "none")
    step("copy", lambda: "none")
    step("file link, opened anonymously", link)
    step("folder link, opened anonymously", lambda: "none")
    step("delete", delete)
    step("empty the bin", lambda: "none")
    step("quota", lambda: megatools("df"))
step("sign out", lambda: "none")
finish()
