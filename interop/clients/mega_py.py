"""The scenario with mega.py. Its address is compiled in, so it goes through the redirector (HTTPS_PROXY)."""

import os
import tempfile

from mega import Mega

from scenario import NAME, SIZES, arguments, content, finish, opened, read_others, same, step

url, email, password, own, mode = arguments()
work = tempfile.mkdtemp()
mega = None
folder = None
sub = None


def sign_in():
    global mega
    mega = Mega().login(email, password)


def children(parent):
    """handle -> (name, size) of what lies directly in a folder; the whole tree is fetched at every call."""
    nodes = mega.get_files()
    return {h: (name_of(n), n.get("s")) for h, n in nodes.items() if n["p"] == parent and n["a"]}


def name_of(node):
    """mega.py takes the bytes of a name for Latin-1 where they are not escaped."""
    name = node["a"]["n"]
    try:
        return name.encode("latin-1").decode()
    except ValueError:
        return name


def find(parent, name):
    nodes = mega.get_files()
    for handle, node in nodes.items():
        if node["p"] == parent and node["a"] and name_of(node) == name:
            return handle, node
    raise AssertionError(f"{name} is not there")


def read(node, name):
    target = tempfile.mkdtemp()
    path = mega.download(node, dest_path=target, dest_filename=name)
    with open(path, "rb") as file:
        return file.read()


def make_folders():
    global folder, sub
    root = mega.get_node_by_type(2)[0]
    folder = mega._mkdir(name=own, parent_node_id=root)["f"][0]["h"]  # noqa: SLF001 - create_folder looks everywhere
    sub = mega._mkdir(name="sub", parent_node_id=folder)["f"][0]["h"]  # noqa: SLF001


def local(name, data):
    path = os.path.join(work, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def upload(size):
    mega.upload(local(f"f{size}", content(size)), dest=folder, dest_filename=f"f{size}")


def compare():
    for size in SIZES:
        node = find(folder, f"f{size}")
        assert node[1]["s"] == size
        # mega.py cannot map an empty file.
        if size:
            same(read(node, f"f{size}"), content(size), f"f{size}")


def rename():
    mega.upload(local("old", b"hello"), dest=folder, dest_filename="old name")
    mega.rename(find(folder, "old name"), "new name")
    find(folder, "new name")


def move():
    handle, _ = find(folder, "new name")
    mega.move(handle, sub)
    find(sub, "new name")


def link():
    node = find(folder, "f3145735")
    address = mega.get_link(node)
    guest = Mega()
    path = guest.download_url(address, dest_path=tempfile.mkdtemp(), dest_filename="x")
    with open(path, "rb") as file:
        same(file.read(), content(3145735), "link")
    same(opened(url, address), content(3145735), "link, opened by megajs")


def folder_link():
    address = mega.export(node_id=folder)
    assert "#F!" in address, address
    assert len(address.rsplit("!", 1)[1]) == 22, address
    # mega.py cannot open links of folders; megajs does it. There is nothing more to be read than the folder's name: mega.py gives the
    # link no key but the folder's.
    same(opened(url, address, "."), own.encode(), "name in the folder link")


def delete():
    handle, _ = find(sub, "new name")
    mega.delete(handle)
    trash = mega.get_node_by_type(4)[0]
    find(trash, "new name")


def empty():
    mega.empty_trash()
    assert children(mega.get_node_by_type(4)[0]) == {}


def quota():
    space = mega.get_storage_space()
    assert space["used"] > 0, space


def handle_of(folder):
    return find(mega.get_node_by_type(2)[0], folder)[0]


step("sign in", sign_in)
if mode == "read":
    read_others(own, lambda: [n for n, _ in children(mega.get_node_by_type(2)[0]).values()],
                lambda folder: {n: s for n, s in children(handle_of(folder)).values() if s is not None},
                lambda folder, name: read(find(handle_of(folder), name), "x"))
else:
    step("list", lambda: mega.get_files())
    step("make folders", make_folders)
    for size in SIZES:
        step(f"upload {size}", lambda size=size: upload(size))
    step("upload a hard name", lambda: mega.upload(local(NAME, content(20)), dest=folder, dest_filename=NAME))
    step("download and compare", compare)
    step("rename", rename)
    step("move", move)
    step("copy", lambda: "none")
    step("file link, opened anonymously", link)
    step("folder link, opened anonymously", folder_link)
    step("delete", delete)
    step("empty the bin", empty)
    step("quota", quota)
step("sign out", lambda: "none")
finish()
