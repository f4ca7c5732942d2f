//! The attacks of the threat model, section 3, against a service that may answer anything. The proofs on single keys and names are in
//! `mega-crypto` and `mega-filename`; here it is what a whole client does: which requests leave, which error comes, and when.

use std::sync::Arc;
use std::time::Duration;

use mega_client::{Client, Credentials, Error, ErrorKind, NodeKind};
use mega_testserver::account::cipher::{ecb_decrypt, ecb_encrypt};
use mega_testserver::wire::{b64, unb64};
use mega_testserver::{Account, Fault};
use serde_json::Value;

use crate::memory::Memory;
use crate::place::{EMAIL, PASSWORD};

/// What a service makes of its answer.
type Change = Box<dyn Fn(&mut Value) + Send + Sync>;

/// What a service sees and a caller learns of one sign-in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Command names and body lengths of all requests.
    pub(crate) trace: Vec<(Vec<String>, usize)>,
    pub(crate) error: (ErrorKind, String),
    time: Duration,
}

/// Signs in while the service changes its answer to `us`; gives what is seen, and everything that was sent.
pub(crate) async fn attempt(
    memory: &Arc<Memory>,
    change: impl Fn(&mut Value) + Send + Sync + 'static,
) -> (Seen, Vec<u8>) {
    memory.asked();
    memory.service.faults().clear();
    memory
        .service
        .faults()
        .add(Fault::command("us").rewrite(move |text| {
            let mut reply: Value = serde_json::from_str(&text).unwrap();
            change(&mut reply[0]);
            reply.to_string()
        }));
    let begin = tokio::time::Instant::now();
    let login = memory
        .builder()
        .allow_legacy_v1(true)
        .seed(1)
        .login(Credentials::new(EMAIL, PASSWORD));
    let error = login.await.expect_err("nothing of this is to be believed");
    let time = begin.elapsed();
    // INV-6: nothing follows, neither at once nor from something that goes on in the background.
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    let asked = memory.asked();
    let sent = asked
        .iter()
        .flat_map(|asked| [asked.target.as_bytes(), &asked.body].concat());
    let seen = Seen {
        trace: asked
            .iter()
            .map(|asked| (asked.commands(), asked.body.len()))
            .collect(),
        error: (error.kind(), error.to_string()),
        time,
    };
    (seen, sent.collect())
}

fn world() -> (Arc<Memory>, Account) {
    let memory = Memory::new();
    let account = memory.service.account(EMAIL, PASSWORD).create();
    (memory, account)
}

/// Changes the plaintext of the stored private key.
fn edit_key(reply: &mut Value, master: [u8; 16], edit: impl Fn(&mut Vec<[u8; 16]>)) {
    let mut key = unb64(reply["privk"].as_str().unwrap()).unwrap();
    ecb_decrypt(&master, &mut key);
    let mut blocks: Vec<[u8; 16]> = key.as_chunks().0.to_vec();
    edit(&mut blocks);
    let mut key = blocks.concat();
    ecb_encrypt(&master, &mut key);
    reply["privk"] = b64(&key).into();
}

/// A session id as the service would choose it to learn something: a number of 256 bytes with a header.
pub(crate) fn chosen_csid(fill: u8) -> Value {
    let mut number = vec![fill; 254];
    number[0] = 1;
    b64(&[&[7, 233][..], &number].concat()).into()
}

/// What a reply with a random session id leads to: every attack must look the same.
pub(crate) async fn random_material(memory: &Arc<Memory>) -> Seen {
    let (seen, _) = attempt(memory, |reply| reply["csid"] = chosen_csid(0x35)).await;
    assert_eq!(seen.error.0, ErrorKind::ServerMaterialRejected);
    let commands: Vec<_> = seen
        .trace
        .iter()
        .flat_map(|(commands, _)| commands.clone())
        .collect();
    assert_eq!(
        commands,
        ["us0", "us"],
        "INV-6: nothing follows a rejection"
    );
    seen
}

#[tokio::test(start_paused = true)]
async fn att_1_att_2_inv_6_log_6_key_blocks_of_the_services_choice_tell_it_nothing() {
    let (memory, account) = world();
    let master = account.master_key;
    let expected = random_material(&memory).await;
    assert!(expected.time >= Duration::from_millis(750), "LOG-6");
    // p, q, d and u of a 2048 bit key: 8 + 8 + 16 + 8 blocks and headers. A change in each part, a swap, a rotation.
    for block in [2, 11, 20, 33, 36, 39] {
        let (seen, _) = attempt(&memory, move |reply| {
            reply["csid"] = chosen_csid(u8::try_from(block).unwrap());
            edit_key(reply, master, |key| key[block] = [0x77; 16]);
        })
        .await;
        assert_eq!(seen, expected, "block {block}");
    }
    let (seen, _) = attempt(&memory, move |reply| {
        edit_key(reply, master, |key| key.swap(34, 35))
    })
    .await;
    assert_eq!(seen, expected, "ATT-2");
    let (seen, _) = attempt(&memory, move |reply| {
        edit_key(reply, master, |key| key.rotate_left(1))
    })
    .await;
    assert_eq!(seen, expected, "ATT-2");
}

#[tokio::test(start_paused = true)]
async fn att_3_what_is_under_the_master_key_is_not_sent_back() {
    let (memory, account) = world();
    let master = account.master_key;
    let expected = random_material(&memory).await;
    let marker = *b"a node key here!";
    let (seen, sent) = attempt(&memory, move |reply| {
        reply["csid"] = chosen_csid(3);
        edit_key(reply, master, |key| {
            key[33] = marker;
            key[34] = marker;
        });
    })
    .await;
    assert_eq!(seen, expected);
    let hex: String = marker.iter().map(|byte| format!("{byte:02x}")).collect();
    for form in [marker.to_vec(), hex.into_bytes(), b64(&marker).into_bytes()] {
        assert!(!sent.windows(form.len()).any(|part| part == form));
    }
}

#[tokio::test(start_paused = true)]
async fn att_8_att_9_factors_of_the_services_choice_all_fail_alike() {
    let (memory, account) = world();
    let master = account.master_key;
    let expected = random_material(&memory).await;
    for (at, low) in [(8, 1), (8, 2), (7, 0), (16, 3), (16, 5)] {
        let (seen, _) = attempt(&memory, move |reply| {
            edit_key(reply, master, |key| key[at] = [low; 16]);
        })
        .await;
        assert_eq!(seen, expected, "block {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn att_10_log_2_salts_that_help_precomputation_are_refused() {
    let (memory, _) = world();
    for salt in [0, 1, 15, 65] {
        let reply = format!(r#"[{{"v":2,"s":"{}"}}]"#, b64(&vec![7; salt]));
        memory
            .service
            .faults()
            .add(Fault::command("us0").body(reply));
        memory.asked();
        let login = memory.builder().login(Credentials::new(EMAIL, PASSWORD));
        let error = login.await.unwrap_err();
        assert!(
            matches!(
                error.kind(),
                ErrorKind::ServerMaterialRejected | ErrorKind::Protocol
            ),
            "{salt}: {error:?}"
        );
        let commands: Vec<_> = memory
            .asked()
            .iter()
            .flat_map(|asked| asked.commands())
            .collect();
        assert_eq!(
            commands,
            ["us0"],
            "{salt} bytes: the password is proven to nobody"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn att_19_log_4_parts_of_another_account_are_refused() {
    let (memory, _) = world();
    let other = memory
        .service
        .account("other@example.com", "theirs")
        .create();
    let expected = random_material(&memory).await;
    let user = other.handle.to_string();
    let changes: [Change; 4] = [
        Box::new(move |reply| reply["u"] = user.clone().into()),
        Box::new(|reply| reply["k"] = b64(&[9; 16]).into()),
        Box::new(|reply| {
            reply["tsid"] = b64(&[5; 43]).into();
            reply.as_object_mut().unwrap().remove("csid");
        }),
        Box::new(|reply| reply["csid"] = chosen_csid(0)),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let (seen, _) = attempt(&memory, change).await;
        assert_eq!(seen, expected, "change {at}");
    }
}

pub(crate) async fn signed_in(memory: &Arc<Memory>) -> Client {
    let login = memory.builder().verdict_delay(Duration::ZERO);
    let login = login.allow_legacy_v1(true);
    login
        .login(Credentials::new(EMAIL, PASSWORD))
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn att_5_nod_2_a_file_with_the_zero_key_is_shown_and_never_used() {
    let (memory, _) = world();
    let node = memory.service.with_model(|model| {
        let node = model
            .make_file(EMAIL, "/bait", b"chosen by the service", 1)
            .unwrap();
        model.tamper_key(node, &b64(&[3; 32]));
        node
    });
    let mega = signed_in(&memory).await;
    let handle: mega_client::NodeHandle = node.to_string().parse().unwrap();
    let shown = mega.stat(handle).await.unwrap();
    assert!(shown.trouble().is_some(), "it is there, and marked");
    assert_eq!(shown.kind(), NodeKind::File);
    memory.asked();
    mega.create_dir("/copies").await.unwrap();
    memory.asked();
    let results: [Result<(), Error>; 3] = [
        mega.read(handle).await.map(drop),
        mega.link(handle).await.map(drop),
        mega.copy(handle, "/copies")
            .await
            .and_then(mega_client::Copied::into_result)
            .map(drop),
    ];
    for result in results {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Key);
    }
    let commands: Vec<_> = memory
        .asked()
        .iter()
        .flat_map(|asked| asked.commands())
        .collect();
    for command in ["g", "l", "p"] {
        assert!(!commands.contains(&command.to_owned()), "{commands:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn att_6_att_7_key_7_nod_5_keys_of_others_are_never_rewritten_unasked() {
    let (memory, _) = world();
    let mega = signed_in(&memory).await;
    memory.asked();
    // Nodes whose keys came by RSA, sound and broken, in any order: what the client sends must not depend on it.
    let mut sent = Vec::new();
    for round in 0..4_u8 {
        memory.service.with_model(|model| {
            for number in 0..8_u8 {
                let node = model
                    .make_file(EMAIL, &format!("/in-{round}-{number}"), b"x", 1)
                    .unwrap();
                let len = if (number + round) % 2 == 0 { 258 } else { 200 };
                model.tamper_key(node, &b64(&vec![number; len]));
                let packet = format!(r#"{{"a":"u","n":"{node}","ts":1}}"#);
                model.push_raw_packet(EMAIL, &packet);
            }
        });
        mega.refresh().await.unwrap();
        let commands: Vec<_> = memory
            .asked()
            .iter()
            .flat_map(|asked| asked.commands())
            .collect();
        assert!(!commands.contains(&"k".to_owned()));
        sent.push(commands);
    }
    assert!(sent.windows(2).all(|pair| pair[0] == pair[1]), "{sent:?}");
}

/// Makes the folder `/two` behind everybody's back, and gives the answer by which this client learns of it.
async fn news_of_two(memory: &Memory, client: &Client) -> String {
    let kept: Arc<std::sync::Mutex<Option<String>>> = Arc::default();
    let keep = Arc::clone(&kept);
    memory.service.with_model(|model| {
        model.options().gzip = false;
        model.make_folder(EMAIL, "/two");
    });
    let keeping = Fault::lane(mega_testserver::Lane::Events).rewrite(move |text| {
        *keep.lock().unwrap() = Some(text.clone());
        text
    });
    memory.service.faults().add(keeping);
    client.refresh().await.unwrap();
    let old = kept.lock().unwrap().clone().unwrap();
    assert!(old.contains(r#""a":"t""#), "{old}");
    old
}

#[tokio::test(start_paused = true)]
async fn evt_9_an_old_answer_to_somebody_else_is_not_taken_for_the_end_of_the_news() {
    let (memory, _) = world();
    let mega = signed_in(&memory).await;
    mega.create_dir("/one").await.unwrap();
    let other = signed_in(&memory).await;
    let old = news_of_two(&memory, &other).await;
    let events = mega_testserver::Lane::Events;
    memory
        .service
        .with_model(|model| model.make_folder(EMAIL, "/three"));
    // The tree has stood before that answer and behind it, never where it ends.
    mega.refresh().await.unwrap();
    mega.delete("/two").await.unwrap();
    memory
        .service
        .faults()
        .add(Fault::lane(events).times(1).body(old));
    mega.refresh().await.unwrap();
    assert!(!mega.exists("/two").await.unwrap(), "it stays deleted");
    assert!(mega.exists("/three").await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn att_14_evt_9_an_old_batch_of_events_does_not_take_the_tree_back() {
    let (memory, _) = world();
    let mega = signed_in(&memory).await;
    mega.create_dir("/one").await.unwrap();
    // A batch is kept by the service and sent again later.
    let old = news_of_two(&memory, &mega).await;
    let events = mega_testserver::Lane::Events;
    mega.delete("/two").await.unwrap();
    memory
        .service
        .faults()
        .add(Fault::lane(events).times(2).body(old.clone()));
    mega.refresh().await.unwrap();
    assert!(
        !mega.exists("/two").await.unwrap(),
        "what was deleted stays deleted"
    );
    mega.create_dir("/three").await.unwrap();
    // A service that tells nothing else is asked for the whole tree, once.
    memory
        .service
        .faults()
        .add(Fault::lane(events).times(4).body(old));
    mega.refresh().await.unwrap();
    assert!(!mega.exists("/two").await.unwrap());
    assert!(mega.exists("/three").await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn att_16_nod_6_attributes_that_were_changed_cost_one_name_and_no_more() {
    let (memory, _) = world();
    memory.service.with_model(|model| {
        for number in 0..20_u8 {
            let node = model
                .make_file(EMAIL, &format!("/file-{number}"), b"x", 1)
                .unwrap();
            let text = model.tree().get(node).unwrap().attributes.clone();
            let mut bytes = unb64(&text).unwrap();
            match number {
                0..=9 => {
                    let at = usize::from(number) * 3 % bytes.len();
                    bytes[at] ^= 1 << (number % 8);
                }
                10 => bytes.truncate(16),
                11 => bytes.clear(),
                12 => bytes.truncate(7),
                _ => continue,
            }
            model.tamper_attributes(node, &b64(&bytes));
        }
    });
    let mega = signed_in(&memory).await;
    let nodes = mega.list("/").await.unwrap();
    assert_eq!(nodes.len(), 20, "no node is lost");
    let sound = nodes
        .iter()
        .filter(|node| node.name().starts_with("file-") && node.trouble().is_none());
    assert!(sound.count() >= 7);
    for node in &nodes {
        assert!(!node.name().is_empty(), "a placeholder at least");
    }
}

#[tokio::test(start_paused = true)]
async fn att_17_net_3_addresses_that_lead_elsewhere_are_not_followed() {
    let (memory, _) = world();
    let mega = signed_in(&memory).await;
    mega.write("/file", "content").await.unwrap();
    for url in [
        "http://example.com/dl/x",
        "https://evil.example/dl/x",
        "https://user:pass@g.api.mega.co.nz/dl/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1/x",
        "https://[::ffff:1.2.3.4]/dl",
    ] {
        let url = url.to_owned();
        memory
            .service
            .faults()
            .add(Fault::command("g").always().rewrite(move |text| {
                let mut reply: Value = serde_json::from_str(&text).unwrap();
                reply[0]["g"] = url.clone().into();
                reply.to_string()
            }));
        memory.asked();
        let error = mega.read("/file").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
        let asked = memory.asked();
        assert!(
            asked.iter().all(|asked| asked.commands() == ["g"]),
            "{asked:?}"
        );
        memory.service.faults().clear();
    }
    // Nor is anything sent there.
    for url in [
        "http://example.com/ul/x",
        "https://evil.example/ul/x",
        "https://g.api.mega.co.nz:8443/ul/x",
        "https://user:pass@g.api.mega.co.nz/ul/x",
        "file:///tmp/x",
    ] {
        let url = url.to_owned();
        memory
            .service
            .faults()
            .add(Fault::command("u").always().rewrite(move |text| {
                let mut reply: Value = serde_json::from_str(&text).unwrap();
                reply[0]["p"] = url.clone().into();
                reply.to_string()
            }));
        memory.asked();
        let error = mega.write("/new", "content").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
        let asked = memory.asked();
        assert!(
            asked.iter().all(|asked| asked.commands() == ["u"]),
            "{asked:?}"
        );
        memory.service.faults().clear();
        assert!(!mega.exists("/new").await.unwrap());
    }
    // NET-4: a redirect is an answer like any other, and not the expected one.
    memory.service.faults().add(
        Fault::lane(mega_testserver::Lane::Download)
            .redirect("https://evil.example/")
            .always(),
    );
    assert!(mega.read("/file").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn att_18_lim_9_proofs_of_work_that_nobody_can_do_are_refused_at_once() {
    let (memory, _) = world();
    let mega = signed_in(&memory).await;
    memory
        .service
        .faults()
        .add(Fault::command("p").hashcash(0).always());
    let begin = std::time::Instant::now();
    let error = mega.create_dir("/x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited, "{error:?}");
    assert!(
        begin.elapsed() < Duration::from_secs(60),
        "no work was done"
    );
    memory.service.faults().clear();
    mega.create_dir("/x").await.unwrap();
}
