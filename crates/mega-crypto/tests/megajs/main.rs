//! Known answers made by megajs: see `generate.mjs`.

#[expect(dead_code, reason = "shared with another test, which uses all of it")]
#[path = "../vectors/support.rs"]
mod support;

use mega_crypto::attributes::Attributes;
use mega_crypto::content::{
    ContentCipher, ContentKey, MacMatch, MacPolicy, StreamDecryptor, StreamEncryptor, chunk_at,
};
use mega_crypto::link::Link;
use mega_crypto::login::{self, Reply, SessionMaterial};
use mega_crypto::rsa::Expected;
use mega_crypto::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{Vector, unhex};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

/// The key of a file or folder, by its length.
fn node_key(bytes: &[u8]) -> NodeKey {
    match bytes.len() {
        16 => NodeKey::from(FolderKey::from_bytes(bytes.try_into().unwrap()).unwrap()),
        _ => NodeKey::from(FileKey::from_bytes(bytes.try_into().unwrap()).unwrap()),
    }
}

#[test]
fn accounts_that_megajs_signs_in_to_sign_in() {
    for case in vectors().list("logins") {
        let (password, email) = (case.str("password"), case.str("email"));
        let secret = match case["salt"].as_str() {
            Some(salt) => password::derive_v2(password, &unhex(salt)).unwrap(),
            None => password::derive_v1(password, email),
        };
        assert_eq!(*secret.uh(), case.str("uh"), "{password}");
        let (csid, privk) = (case.b64("csid"), case.hex("privk"));
        let reply = Reply {
            user: case.str("user").parse().unwrap(),
            k: case.array("k"),
            session: SessionMaterial::Encrypted {
                csid: &csid,
                privk: &privk,
            },
        };
        let key = secret.password_key();
        let account = login::sign_in(key, &reply, &Expected::default(), &mut os_rng()).unwrap();
        assert_eq!(account.master.expose_secret()[..], case.hex("master"));
        assert_eq!(*account.session.to_text(), case.str("sid"));
    }
}

#[test]
fn node_keys_are_wrapped_as_megajs_does() {
    let vectors = vectors();
    let master = MasterKey::from_bytes(vectors.array("master")).cipher();
    for case in vectors.list("nodes") {
        let key = node_key(&case.hex("key"));
        assert_eq!(master.wrap_node_key(&key).to_text(), case.str("k"));
    }
}

#[test]
fn attributes_of_megajs_are_read_and_written_back_the_same() {
    for case in vectors().list("attributes") {
        let key = node_key(&case.hex("key")).attribute_key();
        let read = Attributes::decrypt_text(&key, case.str("a")).unwrap();
        let members = &case["members"];
        assert_eq!(read.name().as_deref(), members["n"].as_str());
        let json: Value = serde_json::from_slice(&read.to_json()).unwrap();
        assert_eq!(json, *members);
        assert_eq!(read.encrypt_to_text(&key).unwrap(), case.str("a"));
        // Made anew, too, if there is only a name: the escapes are the same.
        if members.as_object().unwrap().len() == 1 {
            let mut made = Attributes::new();
            made.set_name(members["n"].as_str().unwrap()).unwrap();
            assert_eq!(made.encrypt_to_text(&key).unwrap(), case.str("a"));
        }
    }
}

#[test]
fn shares_and_links_of_megajs_open() {
    let vectors = vectors();
    let master = MasterKey::from_bytes(vectors.array("master")).cipher();
    let share = &vectors["share"];
    let folder: NodeHandle = share.str("folder").parse().unwrap();
    let ok = share.b64("ok").try_into().unwrap();
    let ha = share.b64("ha").try_into().unwrap();
    let key = open_own_share_key(&master, folder, &ok, &ha).unwrap();
    assert_eq!(key.expose_secret()[..], share.hex("key"));
    assert_eq!(share_auth(&master, folder), ha);
    assert_eq!(master.wrap_share_key(&key), ok);

    // The `cr` of sharing a folder, and of a new folder in it.
    let shares = [ShareKeys {
        share: folder,
        cipher: &key.cipher(),
    }];
    let first = node_key(&unhex(share["request_keys"][0].as_str().unwrap()));
    let mut request = ShareRequest::for_existing_nodes();
    request.add_existing(folder, &first, &shares);
    assert_eq!(json(&request), share["request"]);
    let case = &share["new_node"];
    let node = node_key(&case.hex("key"));
    let wrapped = key.cipher().wrap_node_key(&node).to_text();
    assert_eq!(case["cr"][0], share["request"][0]);
    assert_eq!(case["cr"][2], serde_json::json!([0, 0, wrapped]));

    for case in vectors.list("links") {
        let Link::Public(link) = Link::parse(case.str("url")).unwrap() else {
            panic!("{case}")
        };
        assert_eq!(link.handle().to_string(), case.str("handle"));
        let key = match case.str("kind") {
            "file" => link.file_key().unwrap().expose_secret().to_vec(),
            _ => link.folder_key().unwrap().expose_secret().to_vec(),
        };
        assert_eq!(key, case.hex("key"));
        assert_eq!(*link.to_url(), case.str("url"));
    }
}

fn json(request: &ShareRequest) -> Value {
    serde_json::from_str(&request.to_json()).unwrap()
}

#[test]
fn content_is_encrypted_and_verified_as_megajs_does() {
    for case in vectors().list("content") {
        let size = case["size"].as_u64().unwrap();
        let key = case.hex("key");
        let (aes, nonce) = key.split_at(16);
        let key = ContentKey::new(aes.try_into().unwrap(), nonce.try_into().unwrap());
        let cipher = ContentCipher::new(&key);
        let plain: Vec<u8> = (0..size).map(|i| ((31 * i + size) % 251) as u8).collect();
        let mut data = plain.clone();
        let mut stream = StreamEncryptor::new(cipher.clone());
        stream.update(&mut data).unwrap();
        let end = stream.finish().unwrap();
        assert_eq!(Sha256::digest(&data)[..], case.hex("sha256"), "{size}");

        let theirs = FileKey::from_bytes(case.array("node_key")).unwrap();
        // Where the last block of a file ends on a chunk border, megajs chains an empty chunk more (DL-8).
        let padded = size.next_multiple_of(16);
        let on_border = chunk_at(padded).offset == padded;
        let ours = FileKey::new(&key, end.meta_mac).unwrap();
        assert_eq!(ours == theirs, !on_border, "{size}");
        let expected = match on_border {
            true => MacMatch::ExtraEmptyChunk,
            false => MacMatch::Exact,
        };
        let mut back = StreamDecryptor::new(ContentCipher::new(&theirs.content_key()));
        back.update(&mut data).unwrap();
        let found = back.finish(&theirs.meta_mac(), MacPolicy::Strict);
        assert_eq!(found, Ok(expected), "{size}");
        assert!(data == plain);
    }
}
