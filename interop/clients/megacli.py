"""The scenario with MEGA's own C++ library, through its command line client."""


import os

from scenario import NAME, SIZES, arguments, content, finish, opened, read_others, same, step
from terminal import Megacli, quoted

url, email, password, own, mode = arguments()
# In names on the disk it takes `%41` for an escaped `A`.
ON_DISK = NAME.replace("%", "%25")
clients = []


def start():
    clients.append(Megacli(os.environ["OVER_TLS"]))
    return clients[-1]


def sign_in():
    global client
    client = start()
    client.sign_in(email, password)


def compare():
    for size in SIZES:
        data, modified = client.got(quoted(f"/{own}/f{size}"))
        same(data, content(size), f"f{size}")
        assert modified == 1_500_000_000, modified
    same(client.read(f"/{own}/{NAME}"), content(20), NAME)


def rename():
    client.ask(f"mv {quoted(f'/{own}/f1')} {quoted(f'/{own}/renamed')}")
    client.has(f"/{own}", "renamed", size=1)
    client.has(f"/{own}", "f1", there=False)
    client.ask(f"mv {quoted(f'/{own}/renamed')} {quoted(f'/{own}/f1')}")
    client.has(f"/{own}", "f1", size=1)


def move():
    client.ask(f"mv {quoted(f'/{own}/f1')} {quoted(f'/{own}/sub')}")
    client.has(f"/{own}/sub", "f1", size=1)
    client.ask(f"mv {quoted(f'/{own}/sub/f1')} {quoted(f'/{own}')}")
    client.has(f"/{own}", "f1", size=1)


def copy():
    client.ask(f"cp {quoted(f'/{own}/f131072')} {quoted(f'/{own}/sub/copy')}")
    client.has(f"/{own}/sub", "copy", size=131072)
    same(client.read(f"/{own}/sub/copy"), content(131072), "copy")


def file_link():
    link = client.link(f"/{own}/f3145735")
    stranger = start()
    same(stranger.got(link)[0], content(3145735), "link, opened by megacli")
    same(opened(url, link), content(3145735), "link, opened by megajs")


def folder_link():
    link = client.link(f"/{own}")
    stranger = start()
    stranger.ask(f"login {link}")
    stranger.has("/", "f131072", size=131072)
    same(stranger.read("/f131072"), content(131072), "folder link, opened by megacli")
    # Not the one that ends on the border of a chunk, where megajs chains a MAC too many.
    same(opened(url, link, "f1"), content(1), "folder link, opened by megajs")


def delete():
    client.ask(f"mv {quoted(f'/{own}/sub')} //bin")
    client.has(f"/{own}", "sub", there=False)
    client.has("//bin", "sub")


def empty_bin():
    for name in client.entries("//bin"):
        client.ask(f"rm {quoted('//bin/' + name)}")
        client.has("//bin", name, there=False)


def quota():
    client.run("whoami -storage", "Available storage: *[0-9]+")


def sign_out():
    client.run("logout", "Logging off")
    client.until("whoami", lambda said: "Not logged in" in said)


step("sign in", sign_in)
if mode == "read":
    read_others(own, lambda: client.entries("/"),
                lambda folder: {name: size for name, (size, _) in client.entries(f"/{folder}").items()},
                lambda folder, name: client.read(f"/{folder}/{name}"),
                # It keeps one byte of a character that JSON writes as \u and four digits, as mega.py does for all that are not ASCII.
                lost=["from mega.py"])
else:
    step("list", lambda: client.entries("/"))
    step("make folders", lambda: (client.make_folder("", own), client.make_folder(f"/{own}", "sub")))
    for size in SIZES:
        step(f"upload {size}", lambda size=size: client.put(f"/{own}", f"f{size}", content(size)))
    step("upload a hard name", lambda: client.put(f"/{own}", NAME, content(20), ON_DISK))
    step("download and compare", compare)
    step("rename", rename)
    step("move", move)
    step("copy", copy)
    step("file link, opened anonymously", file_link)
    step("folder link, opened anonymously", folder_link)
    step("delete", delete)
    step("empty the bin", empty_bin)
    step("quota", quota)
step("sign out", sign_out)
for each in clients:
    each.close()
finish()
