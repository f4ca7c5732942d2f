"""MEGA's own command line client, `megacli`, driven through a terminal: it reads its commands from nothing else."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import tempfile
import termios
import time

PROMPT = re.compile(r"MEGA[^>\n]*> *")
# A line of `ls`: so many tabs, the name, and in brackets "folder" or the size, then what else there is to say.
ENTRY = re.compile(r"^(\t*)(.+) \((folder|[0-9]+)(,[^)]*)?\)", re.M)


def quoted(word):
    return '"' + word + '"'


def rewritten(link):
    """A link without an exclamation mark, for which the terminal would put in earlier commands."""
    kind, handle, key = re.search(r"#(F?)!([^!]+)!(.+)", link).groups()
    return f"https://mega.nz/{'folder' if kind else 'file'}/{handle}#{key}"


class Megacli:
    """One process, which has been told the server's address. It ends with `close`."""

    def __init__(self, url):
        self.home, self.work = tempfile.mkdtemp(), tempfile.mkdtemp()
        self.text = ""
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.chdir(self.work)
            environment = dict(os.environ, HOME=self.home, TERM="dumb", LANG="C.UTF-8", LC_ALL="C.UTF-8")
            os.execve(os.environ["MEGACLI"], ["megacli"], environment)
        # Lines that are not broken.
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 2000, 0, 0))
        self.wait("> ")
        # The address is on trial: its certificate is not that of the service.
        self.ask(f"apiurl {url} true")

    def wait(self, pattern, seconds=60):
        """What has been said up to the first match of the pattern."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text)
            if found:
                said, self.text = self.text[:found.end()], self.text[found.end():]
                return PROMPT.sub("", said.replace("\r", ""))
            if time.monotonic() > end:
                raise AssertionError(f"megacli did not say {pattern!r}: {self.text[-1500:]}")
            if select.select([self.terminal], [], [], 0.5)[0]:
                try:
                    self.text += os.read(self.terminal, 1 << 16).decode("utf-8", "replace")
                except OSError:
                    raise AssertionError(f"megacli ended: {self.text[-1500:]}") from None

    def say(self, line):
        os.write(self.terminal, line.encode() + b"\n")

    def ask(self, line):
        """Runs a command; the result is what it says at once. What it starts may go on."""
        self.say(line)
        # One after the other, so that what is said belongs to this one.
        self.wait(re.escape(line) + r"\r*\n")
        # The answer to a second one is known, and tells where that to the first ends.
        self.say("handles")
        return self.wait(r"handles on\|off *\r*\n")

    def run(self, line, pattern, seconds=60):
        """Runs a command and waits until it has said so."""
        self.say(line)
        return self.wait(pattern, seconds)

    def type(self, secret, pattern, seconds=60):
        """Answers a question for a password, which wants the other end of line."""
        os.write(self.terminal, secret.encode() + b"\r")
        return self.wait(pattern, seconds)

    def until(self, line, holds, seconds=20):
        """Asks again until the answer is the right one."""
        end = time.monotonic() + seconds
        while not holds(said := self.ask(line)):
            assert time.monotonic() < end, f"{line}: {said[-1500:]}"
            time.sleep(0.1)
        return said

    def sign_in(self, email, password):
        self.run(f"login {email} {quoted(password)}", "Login successful", 120)
        self.wait("users? received or updated", 120)

    def entries(self, path, flags=""):
        """What is in a folder: name -> (size or None, what else is said)."""
        said = self.ask(f"ls {flags} {quoted(path)}")
        return {name: (None if kind == "folder" else int(kind), more or "") for _, name, kind, more in ENTRY.findall(said)}

    def has(self, folder, name, there=True, size=None):
        """Waits until a name is in a folder, or no longer."""
        def holds(said):
            found = {n: k for _, n, k, _ in ENTRY.findall(said)}
            return (name in found) == there and (size is None or found.get(name) == str(size))
        self.until(f"ls {quoted(folder or '/')}", holds)

    def make_folder(self, parent, name):
        self.ask(f"mkdir {quoted(parent + '/' + name)}")
        self.has(parent, name)

    def put(self, folder, name, data, local=None, flags=""):
        """Uploads; `local` is how the name is written on the disk, where an escape stands for its character."""
        local = local or name
        path = os.path.join(self.work, local)
        with open(path, "wb") as out:
            out.write(data)
        os.utime(path, (1_500_000_000, 1_500_000_000))
        self.run(f"put {flags} {quoted(path)} {quoted(folder)}", "Uploads complete", 120)
        self.has(folder, name, size=len(data))
        os.remove(path)

    def got(self, source):
        """The content and the modification time of what a download brings."""
        target = tempfile.mkdtemp()
        self.ask(f"lcd {target}")
        self.run(f"get {source}", "Downloads complete", 120)
        names = [n for n in os.listdir(target) if not n.startswith(".")]
        assert len(names) == 1, names
        path = os.path.join(target, names[0])
        with open(path, "rb") as file:
            return file.read(), int(os.stat(path).st_mtime)

    def read(self, path):
        return self.got(quoted(path))[0]

    def link(self, path, flags=""):
        said = self.run(f"export {quoted(path)} {flags}", r"Exported [^\n]*: https://\S+\s")
        return rewritten(said.split()[-1])

    def close(self):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.terminal)
        for folder in (self.home, self.work):
            shutil.rmtree(folder, ignore_errors=True)
