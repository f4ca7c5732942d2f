"""The scenario with rclone: the program named by RCLONE_PROGRAM, pointed at the server by X_MEGA_API_URL."""

import json
import os
import subprocess
import tempfile

from scenario import NAME, SIZES, arguments, content, finish, opened, read_others, same, step

url, email, password, own, mode = arguments()
program = os.environ["RCLONE_PROGRAM"]
work = tempfile.mkdtemp()
# rclone takes any RCLONE_* variable for a flag.
environment = {k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")}
environment["X_MEGA_API_URL"] = url
config = os.path.join(work, "rclone.conf")


def rclone(*args, data=None):
    done = subprocess.run(
        [program, "--config", config, "--low-level-retries", "3", "--retries", "1", *args],
        input=data, capture_output=True, env=environment, timeout=120, check=False)
    if done.returncode:
        raise AssertionError(f"rclone {args[0]}: {done.stderr.decode(errors='replace')[-600:]}")
    return done.stdout


def names(path, *flags):
    return {entry["Path"]: entry for entry in json.loads(rclone("lsjson", f"m:{path}", *flags))}


def sign_in():
    secret = rclone("obscure", password).decode().strip()
    with open(config, "w") as out:
        out.write(f"[m]\ntype = mega\nuser = {email}\npass = {secret}\n")
    rclone("lsd", "m:")



def upload_file(size):
    path = os.path.join(work, f"f{size}")
    with open(path, "wb") as out:
        out.write(content(size))
    rclone("copyto", path, f"m:{own}/f{size}")


def compare():
    sizes = {f"f{s}" for s in SIZES}
    listed = names(own)
    assert sizes <= set(listed), listed
    rclone("check", "--download", "--one-way", work, f"m:{own}", "--include", "f*")
    same(rclone("cat", f"m:{own}/f131072", "--offset", "1000", "--count", "70000"), content(131072)[1000:71000], "a range")


def rename():
    rclone("rcat", f"m:{own}/old name", data=b"hello")
    rclone("moveto", f"m:{own}/old name", f"m:{own}/new name ü")
    assert "new name ü" in names(own) and "old name" not in names(own)


def move():
    rclone("moveto", f"m:{own}/new name ü", f"m:{own}/sub/moved")
    assert "moved" in names(f"{own}/sub")
    same(rclone("cat", f"m:{own}/sub/moved"), b"hello", "after the move")


def link():
    text = rclone("link", f"m:{own}/f3145735").decode().strip()
    # rclone cannot open links; megajs does it.
    same(opened(url, text), content(3145735), "link")


def delete():
    rclone("deletefile", f"m:{own}/sub/moved")
    assert "moved" not in names(f"{own}/sub")


def about():
    info = json.loads(rclone("about", "m:", "--json"))
    assert info["used"] > 0 and info["total"] > info["used"], info


step("sign in", sign_in)
if mode == "read":
    read_others(own, lambda: names("", "--dirs-only"),
                lambda folder: {n: e["Size"] for n, e in names(folder, "--files-only").items()},
                lambda folder, name: rclone("cat", f"m:{folder}/{name}"))
else:
    step("list", lambda: names(""))
    step("make folders", lambda: rclone("mkdir", f"m:{own}/sub"))
    for size in SIZES:
        step(f"upload {size}", lambda size=size: upload_file(size))
    step("upload a hard name", lambda: rclone("rcat", f"m:{own}/{NAME}", data=content(20)))
    step("download and compare", compare)
    step("rename", rename)
    step("move", move)
    step("copy", lambda: "none")
    step("file link, opened anonymously", link)
    step("folder link, opened anonymously", lambda: "none")
    step("delete", delete)
    step("empty the bin", lambda: rclone("cleanup", "m:"))
    step("quota", about)
step("sign out", lambda: "none")
finish()
