// Makes vectors.json: known answers from megajs, the JavaScript client, which shares nothing with this crate.
//
//     npm install megajs@1.3.10
//     node generate.mjs > vectors.json
//
// megajs runs as it is, against a pretended API in this file: what it computes is read off the requests it would
// send and off its own objects. The private key is one of those in ../vectors/vectors.json. Randomness comes from
// SHAKE-256 of a counter, so the file can be made again and compared. All byte strings are lower-case hex.

import { createCipheriv, createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Storage, encrypt } from "megajs";

const version = JSON.parse(readFileSync("node_modules/megajs/package.json")).version;
const known = JSON.parse(readFileSync(new URL("../vectors/vectors.json", import.meta.url)));
const rsa = known.login_csid[0];

let counter = 0;
const draw = (length) =>
  createHash("shake256", { outputLength: length }).update(`mega-crypto megajs vectors ${++counter}`).digest();
globalThis.crypto.getRandomValues = (array) => (array.set(draw(array.length)), array);

const e64 = (bytes) => Buffer.from(bytes).toString("base64url");
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const ecb = (key, bytes) => {
  const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  return Buffer.concat([cipher.update(bytes), cipher.final()]);
};

// A storage whose requests are answered by `answer` and kept.
function pretended(options, answer) {
  const storage = new Storage({ autologin: false, ...options });
  const sent = [];
  storage.api = {
    on() {}, close() {},
    request(json, cb) {
      sent.push(structuredClone(json));
      const promise = Promise.resolve(answer(json, storage));
      if (!cb) return promise;
      promise.then((response) => cb(null, response), cb);
    },
  };
  return { storage, sent };
}

// The private key under the master key, which is known once megajs has opened `k`.
const privkOf = (storage) => ecb(storage.key, Buffer.from(rsa.rsa.privk_plain, "hex"));

const logins = [];
for (const [password, email, salt] of [
  ["password", "me@example.com", null],
  ["0123456789abcdefg", "Someone.With.A.Long.Address@Example.com", null],
  ["x", "a@b.co", null],
  ["correct horse battery staple", "me@example.com", draw(32)],
  ["pässwörd 🔑", "me@example.com", draw(16)],
]) {
  const k = draw(16);
  const { storage, sent } = pretended({ email, password, autoload: false }, (json, storage) => {
    if (json.a === "us0") return salt ? { v: 2, s: e64(salt) } : { v: 1 };
    if (json.a === "us") return { k: e64(k), csid: rsa.csid[0].csid_b64, get privk() { return e64(privkOf(storage)); } };
    return { u: rsa.u_b64 };
  });
  await storage.login();
  const { user, uh } = sent.find((json) => json.a === "us");
  logins.push({ password, email, sent_email: user, salt: salt && hex(salt), k: hex(k), uh, master: hex(storage.key),
    privk: hex(privkOf(storage)), csid: rsa.csid[0].csid_b64, user: rsa.u_b64, sid: storage.sid });
}

// An account with a tree: folders made, renamed, shared, files copied and linked.
const handles = ["AAAAAAAA", "BBBBBBBB", "CCCCCCCC", "DDDDDDDD", "EEEEEEEE", "FFFFFFFF"];
let made = 0;
const { storage, sent } = pretended({ email: "me@example.com", password: "password" }, (json, storage) => {
  if (json.a === "us0") return { v: 2, s: e64(Buffer.alloc(16, 9)) };
  if (json.a === "us") {
    return { k: e64(Buffer.alloc(16, 4)), csid: rsa.csid[0].csid_b64, get privk() { return e64(privkOf(storage)); } };
  }
  if (json.a === "ug") return { u: rsa.u_b64 };
  if (json.a === "f") return { ok: [], f: [{ h: "ROOTROOT", p: "", u: rsa.u_b64, t: 2, a: "", k: "", ts: 0 }] };
  if (json.a === "l") return "LinkLink";
  if (json.a !== "p") return 0;
  const [node] = json.n;
  return { f: [{ ...node, h: handles[made++], p: json.t, u: rsa.u_b64, k: `${rsa.u_b64}:${node.k}`, ts: 0 }] };
});
await storage.login();
const last = (command) => sent.findLast((json) => json.a === command);

const attributes = [];
const nodes = [];
let folder;
for (const name of ["plain", "with \"quotes\" and \\", "ünïcödé 🎉", "tab\tand\nline", "a".repeat(1000), "</script>"]) {
  const node = await storage.root.mkdir(name);
  folder ??= node;
  const { a, k } = last("p").n[0];
  nodes.push({ key: hex(node.key), k });
  attributes.push({ key: hex(node.key), members: { n: name }, a });
  await node.setAttributes({ fav: 1, lbl: 3, t: 1700000000 });
  attributes.push({ key: hex(node.key), members: node.attributes, a: last("a").at });
}
const links = [];
const share = { folder: folder.nodeId };
const url = await folder.link();
Object.assign(share, { key: hex(storage.shareKeys[folder.nodeId]), ok: last("s2").ok, ha: last("s2").ha });
share.request = last("s2").cr;
share.request_keys = [hex(folder.key)];
links.push({ url, handle: "LinkLink", kind: "folder", key: share.key });
made = 0;
await folder.mkdir({ name: "inside", key: draw(16) });
share.new_node = { cr: last("p").cr, key: hex(ecbOpen(last("p").n[0].k)) };
function ecbOpen(k) {
  return storage.aes.decryptECB(Buffer.from(k, "base64"));
}

// Content. Byte i is (31 i + size) mod 251.
const content = [];
for (const size of [1, 15, 16, 17, 131056, 131057, 131071, 131072, 131073, 393216, 393217, 1000000, 3 * 1048576 + 5, 6 * 1048576 + 1]) {
  const plain = Buffer.from(Uint8Array.from({ length: size }, (_, i) => (31 * i + size) % 251));
  const key = draw(24);
  const stream = encrypt(key, {});
  const pieces = [];
  stream.on("data", (piece) => pieces.push(piece));
  await new Promise((resolve, reject) => stream.on("end", resolve).on("error", reject).end(plain));
  const cipher = Buffer.concat(pieces);
  const nodeKey = Buffer.from(stream.key);
  content.push({ size, key: hex(key), node_key: hex(nodeKey), sha256: createHash("sha256").update(cipher).digest("hex") });
  if (size !== 1000000) continue;
  const file = storage._importFile({ h: "FileFile", p: "ROOTROOT", u: rsa.u_b64, t: 0, s: size, ts: 0, a: "",
    k: `${rsa.u_b64}:${e64(storage.aes.encryptECB(Buffer.from(nodeKey)))}` });
  file.attributes = { n: "file.bin", c: "AAAAAAAAAAAAAAAAAAAAAAT4mVNl" };
  links.push({ url: await file.link(), handle: "LinkLink", kind: "file", key: hex(nodeKey) });
  // This is the last thing to do with it: megajs leaves the wrapped key in the place of the key.
  await file.copyTo(storage.root);
  nodes.push({ key: hex(nodeKey), k: last("p").n[0].k });
  attributes.push({ key: hex(nodeKey), members: file.attributes, a: last("p").n[0].a });
}

console.log(JSON.stringify({
  made_by: `megajs ${version} on Node.js, with generate.mjs`,
  logins, master: hex(storage.key), nodes, attributes, share, links, content,
}, null, 1));
