"""Makes independent.json: containers, keys and signatures by another implementation.

Needs Python's `cryptography` (OpenSSL underneath). All randomness comes from SHAKE-256 of fixed labels, so the file can
be made again and compared:  python3 independent.py > independent.json
"""

import hashlib
import hmac
import json

import cryptography
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def draw(label, length):
    return hashlib.shake_256(b"mega-crypto independent " + label.encode()).digest(length)


def number(label, limit):
    return int.from_bytes(draw(label, 8), "big") % limit


def raw(public):
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


# mode: cipher, IV, tag
MODES = {0: ("CCM", 12, 16), 1: ("CCM", 10, 16), 2: ("CCM", 10, 8), 3: ("CCM", 12, 16), 4: ("CCM", 10, 8),
         16: ("GCM", 12, 16), 17: ("GCM", 10, 8)}


def tlv_case(mode, index):
    cipher, iv_len, tag_len = MODES[mode]
    label = f"tlv {mode} {index} "
    key, iv = draw(label + "key", 16), draw(label + "iv", iv_len)
    records = {f"r{draw(label + f'name {i}', 2).hex()}": draw(label + f"value {i}", number(label + f"len {i}", 300))
               for i in range(index)}
    plain = b"".join(name.encode() + b"\0" + len(value).to_bytes(2, "big") + value
                     for name, value in sorted(records.items()))
    if cipher == "CCM":
        sealed = AESCCM(key, tag_length=tag_len).encrypt(iv, plain, None)
    else:
        encryptor = Cipher(algorithms.AES(key), modes.GCM(iv)).encryptor()
        sealed = encryptor.update(plain) + encryptor.finalize() + encryptor.tag[:tag_len]
    return {"mode": mode, "key": key.hex(), "iv": iv.hex(), "plain": plain.hex(),
            "records": {name: value.hex() for name, value in records.items()},
            "container": (bytes([mode]) + iv + sealed).hex()}


def record(tag, value):
    return bytes([tag]) + len(value).to_bytes(3, "big") + value


def ltlv(entries):
    out = b""
    for name, value in entries:
        length = len(value).to_bytes(2, "big") if len(value) < 0xFFFF else b"\xff\xff" + len(value).to_bytes(4, "big")
        out += bytes([len(name)]) + name + length + value
    return out


def keys_case(index):
    label = f"keys {index} "
    master, owner, iv = draw(label + "master", 16), draw(label + "owner", 8), draw(label + "iv", 12)
    generation = number(label + "generation", 2**32 - 1)
    count = [0, 1, 5, 40][index]
    shares = b"".join(draw(label + f"share {i}", 22) + bytes([i % 4]) for i in range(count))
    ring = b"".join(draw(label + f"contact {i}", 28) + bytes([i % 3]) for i in range(count))
    out = b"".join(b"\0" + draw(label + f"out {i}", 14) for i in range(count))
    out += bytes([7]) + draw(label + "mail", 6) + b"a@b.org" if count else b""
    warnings = [(b"cv", b"1")] if count else []
    if index == 2:
        warnings.append((b"long", draw(label + "long", 0xFFFF)))
    plain = b"".join([
        record(1, b"\1"), record(2, draw(label + "time", 4)), record(3, owner),
        record(4, generation.to_bytes(4, "big")), record(5, draw(label + "attr", index)),
        record(16, draw(label + "ed25519", 32)), record(17, draw(label + "x25519", 32)), record(18, b""),
        record(32, ring), record(33, ring[:29]), record(48, shares), record(64, out), record(65, b""),
        record(80, draw(label + "backups", count)), record(96, ltlv(warnings)),
    ] + [record(100 + i, draw(label + f"unknown {i}", 30)) for i in range(index)])
    key = HKDF(hashes.SHA256(), 16, None, b"\1").derive(master)
    return {"master": master.hex(), "owner": owner.hex(), "generation": generation, "share_keys": count,
            "plain": plain.hex(), "container": (b"\x14\0" + iv + AESGCM(key).encrypt(iv, plain, None)).hex()}


def signature_case(index):
    label = f"signature {index} "
    seed, time = draw(label + "seed", 32), number(label + "time", 2**40)
    signer, key = Ed25519PrivateKey.from_private_bytes(seed), draw(label + "key", 32)
    stamp = time.to_bytes(8, "big")
    return {"seed": seed.hex(), "public": raw(signer.public_key()).hex(), "time": time, "key": key.hex(),
            "signature": (stamp + signer.sign(b"keyauth" + stamp + key)).hex(),
            "fingerprint": hashlib.sha256(raw(signer.public_key())).digest()[:20].hex()}


def pairwise_case(index):
    label = f"pairwise {index} "
    private = X25519PrivateKey.from_private_bytes(draw(label + "private", 32))
    contact = X25519PrivateKey.from_private_bytes(draw(label + "contact", 32))
    secret = private.exchange(X25519PublicKey.from_public_bytes(raw(contact.public_key())))
    step = hmac.digest(b"", secret, "sha256")
    return {"private": draw(label + "private", 32).hex(), "public": raw(private.public_key()).hex(),
            "contact_public": raw(contact.public_key()).hex(),
            "key": hmac.digest(step, b"strongvelope pairwise key\1", "sha256")[:16].hex()}


print(json.dumps({
    "provenance": f"independent.py, Python cryptography {cryptography.__version__}",
    "tlv": [tlv_case(mode, index) for mode in MODES for index in range(4)],
    "keys": [keys_case(index) for index in range(4)],
    "signatures": [signature_case(index) for index in range(5)],
    "pairwise": [pairwise_case(index) for index in range(5)],
}, indent=0))
