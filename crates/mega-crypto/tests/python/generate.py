#!/usr/bin/env python3
"""Makes vectors.json: known answers from implementations that share nothing with this crate.

    python3 -m venv venv && venv/bin/pip install pycryptodome cryptography
    venv/bin/python generate.py > vectors.json

AES, RSA key generation and big-number arithmetic by pycryptodome; PBKDF2, HMAC and a second opinion
on every RSA number by cryptography (OpenSSL). What is MEGA's own is written anew from the protocol
notes (crypto-and-accounts, section numbers below). All byte strings are lower-case hex.
"""

import hashlib
import json
import sys
from base64 import urlsafe_b64encode

import Crypto
import cryptography
from Crypto.Cipher import AES
from Crypto.PublicKey import RSA
from Crypto.Util.number import bytes_to_long, inverse, long_to_bytes
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import rsa as openssl_rsa
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

COUNTER = 0


def draw(n):
    """Deterministic bytes, so that only the RSA keys change when this runs again."""
    global COUNTER
    COUNTER += 1
    return hashlib.shake_256(b"mega-crypto python vectors %d" % COUNTER).digest(n)


def b64(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def ecb(key):
    return AES.new(key, AES.MODE_ECB)


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def pbkdf2(password, salt, length):
    kdf = PBKDF2HMAC(algorithm=hashes.SHA512(), length=length, salt=salt, iterations=100000)
    return kdf.derive(password.encode())


def sha256(data):
    return hashlib.sha256(data).digest()


def hmac_sha256(key, data):
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(data)
    return mac.finalize()


# 2.3
def v1_key(password):
    units = password.encode("utf-16-be")
    units = [units[i] << 8 | units[i + 1] for i in range(0, len(units), 2)]
    words = [0] * ((len(units) + 3) // 4)
    for j, unit in enumerate(units):
        words[j // 4] = (words[j // 4] | unit << (24 - 8 * (j % 4))) & 0xFFFFFFFF
    packed = b"".join(w.to_bytes(4, "big") for w in words)
    packed += bytes(-len(packed) % 16)
    ciphers = [ecb(packed[i : i + 16]) for i in range(0, len(packed), 16)]
    x = bytes.fromhex("93C467E37DB0C7A4D1BE3F810152CB56")
    for _ in range(65536):
        for cipher in ciphers:
            x = cipher.encrypt(x)
    return x


def v1_hash(email, key):
    x = bytes(16)
    data = bytes(c + 32 if 65 <= c <= 90 else c for c in email.encode())
    for i in range(0, len(data), 16):
        x = xor(x, data[i : i + 16].ljust(16, b"\0"))
    cipher = ecb(key)
    for _ in range(16384):
        x = cipher.encrypt(x)
    return x[:4] + x[8:12]


# 2.4
def v2(password, crv):
    salt = sha256(b"mega.nz".ljust(200, b"P") + crv)
    derived = pbkdf2(password, salt, 32)
    return {
        "password": password,
        "crv": crv.hex(),
        "salt": salt.hex(),
        "password_key": derived[:16].hex(),
        "uh": b64(derived[16:]),
        "hashed_auth_key": sha256(derived[16:])[:16].hex(),
    }


# 1.4
def mpi(n, exact=False):
    data = long_to_bytes(n)
    bits = n.bit_length() if exact else 8 * len(data)
    return bits.to_bytes(2, "big") + data


# 3.2, 2.6.2, 4.2
def account(maker, e, lcm):
    user, master, password_key = draw(8), draw(16), draw(16)
    if maker == "pycryptodome":
        key = RSA.generate(2048, e=e)
        p, q = key.p, key.q
    else:
        key = openssl_rsa.generate_private_key(public_exponent=e, key_size=2048).private_numbers()
        p, q = key.p, key.q
    n, phi = p * q, (p - 1) * (q - 1)
    if lcm:
        from math import gcd

        phi //= gcd(p - 1, q - 1)
    d, u = inverse(e, phi), inverse(p, q)
    plain = mpi(p) + mpi(q) + mpi(d) + mpi(u)
    plain += draw(-len(plain) % 16)
    pubk = mpi(n) + mpi(e)

    sid = draw(16) + b64(user).encode() + draw(16)
    filler = draw(212)
    m = bytes_to_long(sid + filler)
    while sid[0] == 0:
        sid = draw(16) + sid[16:]
        m = bytes_to_long(sid + filler)
    csid = pow(m, e, n)
    # OpenSSL decrypts without padding only through its own interface, so check the arithmetic.
    assert pow(csid, d, n) == m

    wrapped = []
    for key_bytes in (draw(32), draw(16), b"\0" + draw(31), b"\0\0\0" + draw(13)):
        c = pow(bytes_to_long(key_bytes + draw(254 - len(key_bytes))), e, n)
        wrapped.append({"key": key_bytes.hex(), "wrapped": b64(mpi(c, exact=True))})
    return {
        "maker": maker,
        "e": e,
        "d_modulo": "lcm" if lcm else "phi",
        "user": b64(user),
        "password_key": password_key.hex(),
        "master_key": master.hex(),
        "k": ecb(password_key).encrypt(master).hex(),
        "privk": ecb(master).encrypt(plain).hex(),
        "short_form": (mpi(p) + mpi(q) + mpi(d)).hex(),
        "pubk": pubk.hex(),
        "signed_sha256": sha256(long_to_bytes(n) + long_to_bytes(e)).hex(),
        "csid": mpi(csid, exact=True).hex(),
        "sid": b64(sid),
        "wrapped_keys": wrapped,
    }


# 2.6.1
def temporary():
    user, master = draw(8), draw(16)
    challenge = draw(16)
    tsid = challenge + b64(user).encode() + ecb(master).encrypt(challenge)
    return {"user": b64(user), "master_key": master.hex(), "tsid": tsid.hex(), "sid": b64(tsid)}


# 4.1 to 4.6, 5.1
def node(name, file):
    master, share, user, handle = draw(16), draw(16), draw(8), draw(6)
    if file:
        aes, nonce, mac = draw(16), draw(8), draw(8)
        key = xor(aes, nonce + mac) + nonce + mac
    else:
        aes = key = draw(16)
    text = json.dumps({"n": name}, ensure_ascii=False, separators=(",", ":"))
    plain = b"MEGA" + text.encode()
    plain += bytes(-len(plain) % 16)
    own, shared = b64(ecb(master).encrypt(key)), b64(ecb(share).encrypt(key))
    handle_text = b64(handle)
    return {
        "kind": "file" if file else "folder",
        "name": name,
        "user": b64(user),
        "master_key": master.hex(),
        "share": handle_text,
        "share_key": share.hex(),
        "key": key.hex(),
        "attribute_key": aes.hex(),
        "k": f"{b64(user)}:{own}/{handle_text}:{shared}",
        "bare": own,
        "at": b64(AES.new(aes, AES.MODE_CBC, iv=bytes(16)).encrypt(plain)),
        "ha": ecb(master).encrypt(handle_text.encode() * 2).hex(),
        "ok": ecb(master).encrypt(share).hex(),
    }


# 8.5
def locked(password, algorithm, file):
    handle, salt, key = draw(6), draw(32), draw(32 if file else 16)
    derived = pbkdf2(password, salt, 64)
    front = bytes([algorithm, file]) + handle + salt + xor(key, derived)
    mac_key = derived[32:]
    mac = hmac_sha256(mac_key, front) if algorithm == 2 else hmac_sha256(front, mac_key)
    plain = f"https://mega.nz/{'file' if file else 'folder'}/{b64(handle)}#{b64(key)}"
    return {
        "password": password,
        "algorithm": algorithm,
        "salt": salt.hex(),
        "url": "https://mega.nz/#P!" + b64(front + mac),
        "plain_url": plain,
    }


PASSWORDS = [
    "a", "sixteen letters!", "seventeen letters", "Grüße", "пароль с пробелами", "日本語のパスワード",
    "emoji 😀😀 pair", "\u00ff\u0100\uffff", "x" * 70,
]
NAMES = [
    "a", "plain.txt", "Grüße.txt", "日本語 😀.png", 'quotes " and \\ backslashes', "tab\tnew line\n",
    "n" * 300, "a/b", "..", "\u0001\u001f\u007f",
]

json.dump(
    {
        "made_by": {
            "program": "generate.py",
            "python": sys.version.split()[0],
            "pycryptodome": Crypto.__version__,
            "cryptography": cryptography.__version__,
        },
        "v1_passwords": [
            {"password": p, "key": v1_key(p).hex(), "email": e, "hash": v1_hash(e, v1_key(p)).hex()}
            for p, e in zip(PASSWORDS, ["Jane.Doe@Example.COM", "a@b.c", "x" * 33 + "@example.org"] * 3)
        ],
        "v2_passwords": [v2(p, draw(16)) for p in PASSWORDS],
        "accounts": [
            account("pycryptodome", 17, True),
            account("pycryptodome", 257, False),
            account("pycryptodome", 3, True),
            account("cryptography", 65537, False),
            account("cryptography", 65537, True),
        ],
        "temporary": [temporary() for _ in range(4)],
        "nodes": [node(name, file) for name in NAMES for file in (True, False)],
        "locked_links": [
            locked(p, algorithm, file)
            for p in ("password", "Grüße 😀 ")
            for algorithm in (1, 2)
            for file in (0, 1)
        ],
    },
    sys.stdout,
    indent=1,
    ensure_ascii=False,
)
print()
