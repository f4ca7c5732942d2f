"""What only MEGA's own C++ library does, through its command line client: one scenario per kind of account, by name."""

import json
import os
import re
import urllib.request

from scenario import arguments, content, finish, same, step
from terminal import Megacli, quoted, rewritten

url, email, password, scenario, _ = arguments()
SECURE = os.environ["OVER_TLS"]
LARGE = 41943040
clients = []


def start():
    clients.append(Megacli(SECURE))
    return clients[-1]


def signed_in(email=email, password=password):
    client = start()
    client.sign_in(email, password)
    return client


def asked(path):
    with urllib.request.urlopen(url + path, timeout=20) as answer:
        return json.load(answer)


def no_violations():
    found = asked("/test/violations")
    assert found == [], found


# One account, with a second client that is signed in to it and watches.

def begin():
    global me, other
    me, other = signed_in(), signed_in()
    me.make_folder("", "own")
    me.make_folder("/own", "sub")
    other.has("/own", "sub")


def files():
    for size in (0, 1, 131072, 3145735, LARGE):
        me.put("/own", f"f{size}", content(size))
        data, modified = me.got(quoted(f"/own/f{size}"))
        same(data, content(size), f"f{size}")
        assert modified == 1_500_000_000, modified


def slice():
    # The two bytes at this place are letters, so a terminal shows them as they are.
    text = content(3145735)
    at = next(i for i in range(3_000_000, 3_000_251) if text[i:i + 2].isalpha())
    said = me.run(f'get "/own/f3145735" {at} 2', r"Received 2 partial read byte\(s\) at position [0-9]+: [^\n]*\n")
    assert said.rstrip().endswith(f"{at}: " + text[at:at + 2].decode()), said


def versions():
    me.put("/own", "v", b"first")
    me.put("/own", "v", b"and then", flags="-version")
    me.until('ls "/own"', lambda said: "has 1 versions" in said)
    other.until('ls "/own"', lambda said: "has 1 versions" in said)
    same(other.read("/own/v"), b"and then", "the newer version")


def rename_and_move():
    me.ask('mv "/own/f1" "/own/renamed"')
    other.has("/own", "renamed", size=1)
    me.ask('mv "/own/renamed" "/own/sub"')
    other.has("/own/sub", "renamed", size=1)
    me.make_folder("/own", "aside")
    me.ask('mv "/own/sub" "/own/aside"')
    other.has("/own/aside/sub", "renamed", size=1)
    me.ask('mv "/own/aside/sub" "/own"')
    other.has("/own/sub", "renamed", size=1)


def copy():
    me.ask('cp "/own/v" "/own/sub/w"')
    other.has("/own/sub", "w", size=8)
    me.ask('cp "/own/sub" "/own/aside/again"')
    other.has("/own/aside/again", "w", size=8)
    same(other.read("/own/aside/again/w"), b"and then", "a copy of a copy")
    me.make_folder("", "copies")
    me.ask('cp "/own" "/copies"')
    other.has("/copies/own", "f3145735", size=3145735)
    same(other.read("/copies/own/f3145735"), content(3145735), "a copied folder's file")


def links():
    global stranger
    link = me.link("/own/f3145735")
    other.until('ls "/own"', lambda said: "shared as exported permanent file link" in said)
    stranger = start()
    same(stranger.got(link)[0], content(3145735), "file link")
    folder = me.link("/own")
    stranger = start()
    stranger.ask(f"login {folder}")
    stranger.has("/", "f131072", size=131072)
    same(stranger.read("/f131072"), content(131072), "folder link")


def link_follows():
    me.put("/own", "late", b"was not there")
    stranger.has("/", "late", size=13)
    same(stranger.read("/late"), b"was not there", "what came later")
    other.ask('rm "/own/late"')
    stranger.has("/", "late", there=False)


def writable_link():
    me.make_folder("", "open")
    said = me.run('export "/open" -writable', r"AuthToken = \S+\s")
    link, token = rewritten(re.search(r"https://\S+", said)[0]), said.split()[-1]
    writer = start()
    # In quotes: it may begin like an option.
    writer.ask(f"login {link} {quoted(token.rsplit(':', 1)[1])}")
    writer.until("mount", lambda said: "ROOT on" in said)
    writer.put("/", "from a stranger", b"hello")
    me.has("/open", "from a stranger", size=5)
    same(me.read("/open/from a stranger"), b"hello", "what a stranger wrote")


def import_link():
    global link
    link = me.link("/own/v")
    me.ask("cd")
    me.ask(f"import {link}")
    other.has("/", "v", size=8)
    same(other.read("/v"), b"and then", "imported")


def remove_link():
    me.ask('export "/own/v" del')
    other.until('ls "/own"', lambda said: "file link" not in "".join(line for line in said.splitlines() if "\tv (" in line))
    gone = start()
    gone.run(f"get {link}", "Link check failed")


def delete():
    me.ask('mv "/own/aside" //bin')
    other.has("//bin", "aside")
    other.ask('rm "//bin/aside"')
    me.has("//bin", "aside", there=False)
    me.ask('rm "/copies"')
    other.has("/", "copies", there=False)


def resume():
    session = me.run("session", r"session is: \S+\s").split()[-1]
    again = start()
    again.run(f"login {session}", "users? received or updated")
    again.has("/own", "f3145735", size=3145735)
    same(again.read("/own/f1") if "f1" in again.entries("/own") else again.read("/own/sub/renamed"), content(1), "with the session kept")


def quota():
    me.run("whoami -storage", "Available storage: *[0-9]+")


def sign_out():
    for client in (me, other):
        client.run("logout", "Logging off")
        client.until("whoami", lambda said: "Not logged in" in said)


# Two people.

SECOND = ("second@example.com", "correct horse 5")


def invitation():
    global me, other
    me, other = signed_in(), signed_in(*SECOND)
    me.ask(f"invite {SECOND[0]}")
    said = other.until("showpcr", lambda said: email in said)
    request = re.search(re.escape(email) + r"\s*\(id: ([^,]+),", said)[1]
    other.ask(f"ipc {request} a")
    me.until("users", lambda said: SECOND[0] in said)
    other.until("users", lambda said: email in said)


def share():
    me.make_folder("", "ours")
    me.put("/ours", "mine", content(3145735))
    me.run(f'share "/ours" {SECOND[0]} full', "succeeded")
    other.until("mount", lambda said: f"INSHARE on {email}:ours" in said)
    other.has(f"{email}:ours", "mine", size=3145735)
    same(other.read(f"{email}:ours/mine"), content(3145735), "read by the other")


def write_into_the_share():
    other.put(f"{email}:ours", "theirs", content(131072))
    me.has("/ours", "theirs", size=131072)
    same(me.read("/ours/theirs"), content(131072), "written by the other")
    me.put("/ours", "later", b"after the share was made")
    other.has(f"{email}:ours", "later", size=24)
    same(other.read(f"{email}:ours/later"), b"after the share was made", "written after the share was made")


def end_the_share():
    me.run(f'share "/ours" {SECOND[0]}', "succeeded")
    other.until("mount", lambda said: "INSHARE" not in said)
    same(me.read("/ours/theirs"), content(131072), "what the other wrote, after the share")
    fresh = signed_in()
    same(fresh.read("/ours/theirs"), content(131072), "the same, signed in anew")


# A new account, made by the library itself.

NEW = ("fresh@example.com", "correct horse 6")


def ephemeral():
    global me
    me = start()
    me.run("begin", "Ephemeral session established")
    me.until("mount", lambda said: "ROOT on" in said)
    me.put("/", "before", content(131072))


def sign_up():
    me.run(f'signup {NEW[0]} "New Person"', "New Password:")
    me.type(NEW[1], "Retype New Password:")
    me.type(NEW[1], "check your e-mail")
    mails = [m for m in asked("/test/mails") if NEW[0] in json.dumps(m)]
    code = mails[-1]["code"]
    me.run(f"signup https://mega.nz/#confirm{code}", "Signup confirmed successfully", 60)
    me.wait("Login successful")
    me.until("whoami", lambda said: NEW[0] in said)
    same(me.read("/before"), content(131072), "what was there before")


def sign_in_anew():
    global me
    me = signed_in(*NEW)
    same(me.read("/before"), content(131072), "what was there before")


def change_password():
    me.run("passwd", "New Password:")
    me.type("correct horse 7", "Retype New Password:")
    me.type("correct horse 7", "Password updated")
    again = signed_in(NEW[0], "correct horse 7")
    same(again.read("/before"), content(131072), "what was there before")


ONE = [("sign in twice, make folders", begin), ("upload, download and compare, times", files), ("read a slice", slice), ("new version", versions),
       ("rename and move, files and folders", rename_and_move), ("copy, with versions and folders", copy), ("links, opened anonymously", links),
       ("an open folder link follows", link_follows), ("write through a writable link", writable_link), ("import", import_link),
       ("remove a link", remove_link), ("delete, empty the bin", delete), ("resume a session", resume), ("quota", quota), ("sign out", sign_out)]
TWO = [("invite and accept", invitation), ("share, exchange keys, read", share), ("write from both sides", write_into_the_share), ("end the share", end_the_share)]
NEWLY = [("ephemeral account", ephemeral), ("sign up, confirm", sign_up), ("sign in", sign_in_anew), ("change the password", change_password)]

for name, run in {"two people": TWO, "new account": NEWLY}.get(scenario, ONE):
    step(name, run)
step("the server finds its state sound", no_violations)
for each in clients:
    each.close()
finish()
