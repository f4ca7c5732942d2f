"""How a client's test suite in Python uses mega-testserver: nothing but the standard library.

    MEGA_TESTSERVER=path/to/mega-testserver python3 -m unittest interop/examples/test_with_python.py

The few lines of `Client` stand for the client under test.
"""

import base64
import hashlib
import json
import os
import subprocess
import unittest
import urllib.error
import urllib.request


class Server:
    """The program, on a free port, until it is closed, or until this process is gone, whatever ends it."""

    def __init__(self, *arguments):
        program = os.environ.get("MEGA_TESTSERVER", "mega-testserver")
        command = [program, "--with-stdin", *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.process.stdout.readline())["url"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def ask(self, path):
        with urllib.request.urlopen(f"{self.url}/test/{path}") as reply:
            return json.load(reply)

    def tell(self, path, text=""):
        request = urllib.request.Request(f"{self.url}/test/{path}", text.encode(), method="POST")
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def change(self, change, **more):
        return self.tell("change", json.dumps({"change": change, "email": "me@example.com", **more}))[0]


class Client:
    """A client as small as can be."""

    def __init__(self, url):
        self.url, self.session, self.id = url, "", 0

    def call(self, command, same_id=False):
        self.id += 0 if same_id else 1
        with urllib.request.urlopen(f"{self.url}/cs?id={self.id}{self.session}", json.dumps([command]).encode()) as reply:
            answer = json.load(reply)
        return answer[0] if isinstance(answer, list) else answer

    def sign_in(self, email, password):
        salt = base64.urlsafe_b64decode(self.call({"a": "us0", "user": email})["s"] + "==")
        key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 100_000, 32)
        proof = base64.urlsafe_b64encode(key[16:]).rstrip(b"=").decode()
        # An account without RSA keys gets its session id in clear.
        self.session = "&sid=" + self.call({"a": "us", "user": email, "uh": proof})["tsid"]


class AgainstTheServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--account", "me@example.com:password:nokeys", "--seed", "7")
        cls.client = Client(cls.server.url)
        cls.client.sign_in("me@example.com", "password")

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def tearDown(self):
        self.server.tell("faults")  # none any more

    def nodes(self):
        return self.client.call({"a": "f", "c": 1})["f"]

    def make_folder(self, **more):
        root = next(n["h"] for n in self.nodes() if n["t"] == 2)
        return {"a": "p", "t": root, "n": [{"h": "xxxxxxxx", "t": 1, "a": "AAAA", "k": "A" * 22}], **more}

    def test_an_account_begins_with_three_roots(self):
        self.assertEqual(sorted(n["t"] for n in self.nodes() if n["t"] > 1), [2, 3, 4])

    def test_a_lost_reply_is_no_second_folder(self):
        command = self.make_folder()
        before = len(self.nodes())
        self.server.tell("faults", "p=lost")
        with self.assertRaises(OSError):
            self.client.call(command)
        # The same request again: remembered by its id, not executed again.
        self.assertIn("f", self.client.call(command, same_id=True))
        self.assertEqual(len(self.nodes()), before + 1)
        lost, again = [e for e in self.server.ask("journal") if e["commands"] == ["p"]][-2:]
        self.assertEqual((lost["faults"], again["repeated"]), (["Manner(Lost)"], 1))

    def test_a_full_account_refuses(self):
        command = self.make_folder()
        self.server.tell("faults", "p=-17")
        self.assertEqual(self.client.call(command), -17)

    def test_what_others_do_meanwhile_is_there_too(self):
        # A second client of the account makes a file, and a hostile service lies about its size.
        (made,) = self.server.change("file", path="/photos/cat.jpg", text="meow")
        self.server.change("misreport", node=made, member="s", value=-1)
        self.assertEqual([n["s"] for n in self.nodes() if n["h"] == made], [-1])
        self.server.change("delete", path="/photos")
        self.assertEqual(self.server.ask("violations"), [])


if __name__ == "__main__":
    unittest.main()
