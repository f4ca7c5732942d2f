//! The attacks on keys that the service stores (threat model, ATT-4, ATT-6, ATT-12, ATT-13), against a whole client.

use mega_client::{Change, ErrorKind, Node, Trouble};
use mega_testserver::account::cipher::{cbc_encrypt, decrypt_block, ecb_encrypt, encrypt_block};
use mega_testserver::account::content::seal_attributes;
use mega_testserver::wire::{NodeHandle, b64, unb64};
use mega_testserver::{Fault, Model};
use serde_json::{Value, json};

use crate::attacks::signed_in;
use crate::fs_world::{World, handle};
use crate::memory::Memory;
use crate::place::{EMAIL, PASSWORD, names};

/// Makes a file that looks like the user's own, out of pieces of the keys of two that are: the service knows both keys, from public links say, and
/// so can encrypt a name under the third.
fn forge(model: &mut Model, path: &str, mine: NodeHandle, other: NodeHandle) -> NodeHandle {
    let forged = model
        .make_file(EMAIL, path, b"of the service's choice", 1)
        .unwrap();
    assert!(model.splice_key((forged, 0), (mine, 0)));
    assert!(model.splice_key((forged, 1), (other, 1)));
    let key = model.node_key(forged).unwrap();
    let mut folded = [0; 16];
    for (at, to) in folded.iter_mut().enumerate() {
        *to = key[at] ^ key[at + 16];
    }
    let mut name = br#"MEGA{"n":"contract.txt"}"#.to_vec();
    name.resize(name.len().next_multiple_of(16), 0);
    cbc_encrypt(&folded, &mut name);
    model.tamper_attributes(forged, &b64(&name));
    forged
}

// Whoever is given such a node is given a share key, or a piece of the private key, with it.
#[tokio::test]
async fn nod_4_what_else_lies_under_the_master_key_is_no_key_of_a_node() {
    let world = World::new().await;
    let mega = &world.mega;
    world.file("/shared/x.txt", "x").await;
    let shared = mega.stat("/shared").await.unwrap().handle();
    let link = mega.link(shared).await.unwrap();
    let (_, share_key) = link.url().rsplit_once('#').unwrap();
    let share_key: [u8; 16] = unb64(share_key).unwrap().try_into().unwrap();
    let master = mega.recovery_key().unwrap().expose_text();
    let master: [u8; 16] = unb64(&master).unwrap().try_into().unwrap();
    let private = world.model(|model| model.user(EMAIL).unwrap().private_key.clone().unwrap());
    let private: [u8; 16] = unb64(&private).unwrap()[32..48].try_into().unwrap();

    let made = [
        ("of the share", encrypt_block(&master, share_key), Some(shared)),
        ("of the account", private, None),
    ]
    .map(|(name, wrapped, donor)| {
        let key = decrypt_block(&master, wrapped);
        let attributes = seal_attributes(&key, &format!(r#"{{"n":"{name}"}}"#));
        let node = world.model(|model| {
            let node = model.make_folder(EMAIL, &format!("/{name}")).unwrap();
            model.tamper_key(node, &b64(&wrapped));
            model.tamper_attributes(node, &attributes);
            let user = model.user(EMAIL).unwrap();
            let packet = json!({"a": "t", "t": {"f": [{
                "h": node.to_string(), "p": user.root.to_string(), "u": user.handle.to_string(), "t": 1,
                "a": attributes, "k": format!("{}:{}", user.handle, b64(&wrapped)), "ts": 1,
            }]}});
            model.push_raw_packet(EMAIL, &format!(r#"{{"a":"d","n":"{node}"}}"#));
            model.push_raw_packet(EMAIL, &packet.to_string());
            node
        });
        (handle(node), donor)
    });
    mega.refresh().await.unwrap();
    // In events, and in a tree that is loaded.
    let fresh = world.place.sign_in().await;
    for mega in [mega, &fresh] {
        let mut found = mega.spliced_keys();
        found.sort_by_key(|(_, donor)| donor.is_none());
        assert_eq!(found, made);
        for (node, _) in made {
            let shown = mega.stat(node).await.unwrap();
            assert_eq!(shown.trouble(), Some(Trouble::SplicedKey));
            assert_eq!(mega.link(node).await.unwrap_err().kind(), ErrorKind::Key);
        }
        assert_eq!(mega.read("/shared/x.txt").await.unwrap(), "x");
    }
}

#[tokio::test(start_paused = true)]
async fn att_4_nod_4_a_key_made_of_pieces_of_others_is_found_named_and_never_used() {
    let memory = Memory::new();
    memory.service.account(EMAIL, PASSWORD).v1().create();
    let make = |path: &'static str| {
        memory
            .service
            .with_model(move |model| model.make_file(EMAIL, path, path.as_bytes(), 1).unwrap())
    };
    let (mine, other) = (make("/mine.txt"), make("/other.txt"));
    let watching = signed_in(&memory).await;
    // An honest copy has the same key as a whole.
    watching.create_dir("/copies").await.unwrap();
    watching.copy("/mine.txt", "/copies").await.unwrap();
    watching
        .copy("/mine.txt", "/copies")
        .rename("twice.txt")
        .await
        .unwrap();
    assert!(
        watching.spliced_keys().is_empty(),
        "copies are no forgeries"
    );

    let forged = memory
        .service
        .with_model(|model| forge(model, "/draft.txt", mine, other));
    // In a tree that is loaded, and, told anew, in one that is there already.
    let packet = memory.service.with_model(|model| {
        let node = model.tree().get(forged).unwrap().clone();
        json!({"a": "t", "t": {"f": [{
            "h": forged.to_string(), "p": model.user(EMAIL).unwrap().root.to_string(),
            "u": node.owner.to_string(), "t": 0, "a": node.attributes,
            "k": format!("{}:{}", node.owner, node.key(mega_testserver::model::Holder::User(node.owner)).unwrap()),
            "s": 23, "ts": 1,
        }]}})
    });
    let fresh = signed_in(&memory).await;
    let gone = format!(r#"{{"a":"d","n":"{forged}"}}"#);
    memory.service.with_model(|model| {
        model.push_raw_packet(EMAIL, &gone);
        model.push_raw_packet(EMAIL, &packet.to_string());
    });
    let mut changes = watching.changes();
    let told = tokio::time::timeout(std::time::Duration::from_secs(300), async {
        loop {
            match futures::StreamExt::next(&mut changes).await {
                Some(Ok(Change::SplicedKey { node, donor })) => break (node, donor),
                Some(Ok(Change::Added(node))) => assert_ne!(node.name(), "contract.txt"),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    });
    let told = told.await.expect("the forgery is told");
    assert_eq!(told, (handle(forged), Some(handle(mine))));
    for mega in [&fresh, &watching] {
        let found = mega.spliced_keys();
        assert_eq!(found, [(handle(forged), Some(handle(mine)))]);
        let shown: Node = mega.stat(handle(forged)).await.unwrap();
        assert_eq!(shown.trouble(), Some(Trouble::SplicedKey));
        assert_ne!(shown.name(), "contract.txt");
        assert!(!names(mega, "/").await.contains(&"contract.txt".to_owned()));
        // The honest ones are untouched.
        assert_eq!(mega.read("/mine.txt").await.unwrap(), "/mine.txt");
        assert_eq!(mega.read("/copies/twice.txt").await.unwrap(), "/mine.txt");
        memory.asked();
        let results = [
            mega.read(handle(forged)).await.map(drop),
            mega.link(handle(forged)).await.map(drop),
            mega.copy(handle(forged), "/copies")
                .await
                .and_then(mega_client::Copied::into_result)
                .map(drop),
        ];
        for result in results {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Key);
        }
        let asked = memory.asked();
        let commands: Vec<_> = asked.iter().flat_map(|asked| asked.commands()).collect();
        for command in ["g", "l", "p"] {
            assert!(!commands.contains(&command.to_owned()), "{commands:?}");
        }
    }
}

/// What a client of an old account does while people share a thousand folders with it, whose keys come by RSA.
async fn with_inbound_shares(sound: impl Fn(usize) -> bool) -> Vec<(Vec<String>, usize)> {
    let memory = Memory::new();
    memory.service.account(EMAIL, PASSWORD).v1().bare().create();
    let owner = memory
        .service
        .account("other@example.com", PASSWORD)
        .v1()
        .without_keys()
        .create();
    let share = |number: usize, sound: bool| {
        let number = u32::try_from(number).unwrap();
        let mut id = [9; 6];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let key = memory
            .service
            .with_model(|model| model.csid_for(EMAIL, &[id[3] | 1; 16]).unwrap());
        let mut key = unb64(&key).unwrap();
        if !sound {
            // Of the same length, and nothing that was encrypted.
            let end = key.len();
            key[end - 200..].fill(0xC3);
        }
        json!({
            "h": b64(&id), "p": b64(&[8; 6]), "u": owner.handle.to_string(), "su": owner.handle.to_string(),
            "t": 1, "r": 1, "ts": 1, "a": b64(&[7; 32]), "k": format!("{}:{}", b64(&id), b64(&[6; 16])),
            "sk": b64(&key),
        })
        .to_string()
    };
    for number in 0..500 {
        let raw = share(number, sound(number));
        memory
            .service
            .with_model(|model| model.insert_raw_node(EMAIL, &raw));
    }
    let login = memory.builder().allow_legacy_v1(true).seed(3);
    let mega = login
        .login(mega_client::Credentials::new(EMAIL, PASSWORD))
        .await
        .unwrap();
    for number in 500..1000 {
        let packet = format!(
            r#"{{"a":"t","t":{{"f":[{}]}}}}"#,
            share(number, sound(number))
        );
        memory
            .service
            .with_model(|model| model.push_raw_packet(EMAIL, &packet));
    }
    mega.refresh().await.unwrap();
    let folders = mega.incoming_shares();
    assert_eq!(folders.len(), 1000);
    for folder in folders.iter().step_by(100) {
        mega.list(folder).await.unwrap();
    }
    mega.create_dir("/own").await.unwrap();
    memory
        .service
        .with_model(|model| model.forget_events(EMAIL));
    mega.refresh().await.unwrap();
    let asked = memory.asked();
    let seen = |asked: &crate::memory::Asked| (asked.commands(), asked.body.len());
    asked.iter().map(seen).collect()
}

#[tokio::test(start_paused = true)]
async fn att_6_key_7_nod_5_a_thousand_shares_by_rsa_lead_to_the_same_requests_sound_or_not() {
    let expected = with_inbound_shares(|_| false).await;
    assert!(expected.len() > 4, "{expected:?}");
    let commands: Vec<_> = expected.iter().flat_map(|(commands, _)| commands).collect();
    assert!(
        !commands
            .iter()
            .any(|command| *command == "k" || *command == "s2"),
        "{commands:?}"
    );
    assert_eq!(with_inbound_shares(|_| true).await, expected);
    assert_eq!(
        with_inbound_shares(|number| number * 7919 % 13 < 6).await,
        expected
    );
}

#[tokio::test]
async fn att_12_key_8_a_share_key_that_the_service_puts_in_is_not_used() {
    let world = World::new().await;
    let folder = world.folder("/common").await;
    let link = world.mega.link("/common").await.unwrap();
    // The service offers another key for the folder, with a tag that holds: the tag says nothing about the key.
    let master = world.account.master_key;
    let handle = folder.handle().to_string();
    let mut tag: [u8; 16] = [handle.as_bytes(), handle.as_bytes()]
        .concat()
        .try_into()
        .unwrap();
    ecb_encrypt(&master, &mut tag);
    let evil = [0x66; 16];
    let record = json!({"h": handle, "ha": b64(&tag), "k": b64(&encrypt_block(&master, evil))});
    world
        .server()
        .with_model(|model| model.options().gzip = false);
    let offered = record.clone();
    world.server().faults().add(
        Fault::command("f")
            .rewrite(move |text| {
                let mut reply: Value = serde_json::from_str(&text).unwrap();
                reply[0]["ok0"] = json!([offered]);
                reply.to_string()
            })
            .always(),
    );
    let packet = json!({"a": "s", "n": handle, "o": record["h"], "ok": record["k"], "ha": record["ha"], "u": "EXP", "r": 0, "ts": 1});
    let fresh = world.place.sign_in().await;
    world.model(|model| model.push_raw_packet(EMAIL, &packet.to_string()));
    world.mega.refresh().await.unwrap();
    // One that has loaded the key and one that was told of it: what they put there opens to those who have the true key.
    fresh.write("/common/fresh.txt", "1").await.unwrap();
    world.mega.write("/common/old.txt", "2").await.unwrap();
    world.server().faults().clear();
    let guest = world.place.builder().open_link(link.url()).await.unwrap();
    assert_eq!(names(&guest, "/").await, ["fresh.txt", "old.txt"]);
    assert_eq!(guest.read("/fresh.txt").await.unwrap(), "1");
}

/// Tries to share, while `^!keys` is something else; says what was sent.
async fn share_with(world: &World, value: &str) -> (ErrorKind, Vec<String>) {
    world.model(|model| {
        let user = model.user_mut(EMAIL).unwrap();
        user.attributes.get_mut("^!keys").unwrap().value = value.to_owned();
    });
    let (result, sent) = world.batches(async { world.mega.link("/two").await }).await;
    let kind = result.expect_err("nothing is shared with such keys").kind();
    (kind, sent.into_iter().flatten().collect())
}

#[tokio::test]
async fn att_13_key_10_keys_that_were_rolled_back_or_damaged_are_refused_and_left_alone() {
    let world = World::new().await;
    let held = || {
        world.model(|model| {
            model.user(EMAIL).unwrap().attributes["^!keys"]
                .value
                .clone()
        })
    };
    let first = held();
    world.folder("/one").await;
    world.folder("/two").await;
    world.mega.link("/one").await.unwrap();
    let current = held();
    assert_ne!(first, current);

    // An older value, which is authentic.
    let (kind, sent) = share_with(&world, &first).await;
    assert_eq!((kind, sent), (ErrorKind::Key, vec!["uga".to_owned()]));
    assert_eq!(held(), first, "it is not written over");
    // Damage of every kind: nothing, too much, cut off, one bit.
    let bytes = unb64(&current).unwrap();
    let mut values = vec![Vec::new(), vec![0; 1 << 20], vec![20; 1 << 20], vec![0; 1]];
    values.extend(
        (1..bytes.len())
            .step_by(bytes.len() / 20)
            .map(|len| bytes[..len].to_vec()),
    );
    for at in (0..bytes.len()).step_by(bytes.len() / 20) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        values.push(changed);
    }
    for value in values {
        let value = b64(&value);
        let (kind, sent) = share_with(&world, &value).await;
        assert!(
            matches!(kind, ErrorKind::Key | ErrorKind::Protocol),
            "{kind:?}"
        );
        // An answer that is too long to be read is asked for again.
        assert!(sent.iter().all(|command| command == "uga"), "{sent:?}");
        assert!(sent.len() <= 3, "{sent:?}");
        assert!(held() == value, "it is not written over");
    }
    // The true one is back, and all is well.
    world.model(|model| {
        let user = model.user_mut(EMAIL).unwrap();
        user.attributes.get_mut("^!keys").unwrap().value = current;
    });
    world.mega.link("/two").await.unwrap();
}
