//! The checklist against the embedded server: in every form, without faults and with a fifth of all requests failing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mega_client::conformance::{
    Backstage, Bench, BoxFuture, Disturbance, Form, MacVariant, Plant, Scale, Suite, checks,
};
use mega_client::{Client, ClientBuilder, Credentials, NodeHandle, Result, TransferLimits};
use mega_crypto::content::{ChunkMac, ContentCipher, ContentKey, MacChain};
use mega_testserver::account::content::{FileKey, wrap};
use mega_testserver::{Account, Fault, Lane, TestServer};

use crate::fs_world::{handle, wire};
use crate::place::{EMAIL, PASSWORD};

const FRIEND: &str = "friend@example.com";

/// A server of the test's own, and the hand behind its scenes.
struct Embedded {
    server: TestServer,
    account: Account,
    /// Whether a fifth of all requests fails.
    flaky: bool,
    /// Whether clients move little at a time.
    throttled: bool,
}

impl Embedded {
    async fn start(seed: u64, flaky: bool, throttled: bool) -> Arc<Self> {
        let server = TestServer::builder().seed(seed).start().await.unwrap();
        let account = server.account(EMAIL, PASSWORD).create();
        server.account(FRIEND, PASSWORD).create();
        let place = Self {
            server,
            account,
            flaky,
            throttled,
        };
        place.calm();
        Arc::new(place)
    }

    async fn sign_in(&self, email: &str) -> Result<Client> {
        self.builder()
            .login(Credentials::new(email, PASSWORD))
            .await
    }
}

impl Bench for Embedded {
    fn builder(&self) -> ClientBuilder {
        let mut limits = TransferLimits::default().attempts(if self.flaky { 30 } else { 6 });
        if self.throttled {
            limits = limits.connections_per_file(1).requests_at_once(2);
            limits = limits.files_at_once(1).small_files_at_once(2);
            limits = limits.buffer_bytes(4 << 20);
            limits = limits.upload_rate(40 << 20).download_rate(40 << 20);
        }
        Client::builder()
            .origin(self.server.url())
            .verdict_delay(Duration::ZERO)
            .retry_delays(Duration::from_millis(1), Duration::from_millis(20))
            .limits(limits)
    }

    fn client(&self) -> BoxFuture<'_, Result<Client>> {
        Box::pin(self.sign_in(EMAIL))
    }

    fn other_person(&self) -> Option<BoxFuture<'_, Result<Client>>> {
        Some(Box::pin(self.sign_in(FRIEND)))
    }

    fn backstage(&self) -> Option<&dyn Backstage> {
        Some(self)
    }
}

impl Backstage for Embedded {
    fn plant(&self, plant: Plant) -> Option<NodeHandle> {
        let put = |parent: NodeHandle, name: &str, content: &[u8]| {
            self.server.with_model(|model| {
                let node = model.make_file(EMAIL, "/planted", content, 1_600_000_000)?;
                model.rename(node, name);
                model.move_to(node, wire(parent));
                Some(node)
            })
        };
        Some(match plant {
            Plant::Undecryptable { parent } => {
                let node = put(parent, "spoiled", b"spoiled")?;
                let nonsense = "A".repeat(43);
                self.server
                    .with_model(|model| model.tamper_attributes(node, &nonsense));
                handle(node)
            }
            Plant::Named {
                parent,
                name,
                content,
            } => handle(put(parent, &name, &content)?),
            Plant::ForeignMac {
                parent,
                name,
                content,
                variant,
            } => {
                let node = put(parent, &name, &content)?;
                self.server.with_model(|model| {
                    let key = FileKey::unpack(&model.node_key(node)?.try_into().ok()?);
                    let cipher = ContentCipher::new(&ContentKey::new(key.key, key.nonce));
                    let mut chain = MacChain::new();
                    for mac in cipher.mac_chunks(0, &content).ok()?.as_slice() {
                        chain.push(&cipher, *mac);
                    }
                    match variant {
                        MacVariant::Zeros => chain.push(&cipher, ChunkMac([0; 16])),
                        MacVariant::Megajs => {
                            let block = [key.nonce, key.nonce].concat().try_into().ok()?;
                            chain.push(&cipher, ChunkMac(block));
                        }
                        _ => {}
                    }
                    let mac = chain.meta_mac().0;
                    let packed = FileKey { mac, ..key }.pack();
                    model.tamper_key(node, &wrap(&self.account.master_key, &packed));
                    Some(())
                })?;
                handle(node)
            }
            _ => return None,
        })
    }

    fn disturb(&self, disturbance: Disturbance) -> bool {
        self.server.faults().add(match disturbance {
            Disturbance::CutDownloads { after, times } => {
                Fault::lane(Lane::Download).cut_at(after).times(times)
            }
            Disturbance::DelayUploadPart { skip, time } => {
                Fault::lane(Lane::Upload).delay(time).skip(skip)
            }
            Disturbance::OverTransferQuota { seconds, times } => Fault::lane(Lane::Download)
                .bandwidth(i64::from(seconds))
                .times(times),
            Disturbance::LoseReply { command } => Fault::command(command).lose_reply(),
            Disturbance::LoseReplies => {
                let faults = self.server.faults();
                faults.add(Fault::lane(Lane::Events).lose_reply().always());
                Fault::lane(Lane::Api).lose_reply().always()
            }
            Disturbance::Refuse {
                command,
                code,
                times,
            } => Fault::command(command).code(i64::from(code)).times(times),
            Disturbance::DamageDownloads => {
                Fault::lane(Lane::Download).corrupt_file_at(1000).always()
            }
            Disturbance::StallUploads => Fault::lane(Lane::Upload)
                .delay(Duration::from_secs(600))
                .always(),
            _ => return false,
        });
        true
    }

    fn calm(&self) {
        let faults = self.server.faults();
        faults.clear();
        if self.flaky {
            for lane in [Lane::Api, Lane::Events, Lane::Upload, Lane::Download] {
                faults.add(Fault::lane(lane).status(500).chance(0.08));
                faults.add(Fault::lane(lane).drop_before().chance(0.06));
                faults.add(match lane {
                    Lane::Download => Fault::lane(lane).cut_at(700).chance(0.06),
                    lane => Fault::lane(lane).lose_reply().chance(0.06),
                });
            }
        }
    }

    fn requests(&self) -> Option<usize> {
        let journal = self.server.journal();
        let newest = journal.iter().map(|entry| entry.number).max();
        newest.map(|number| usize::try_from(number).unwrap())
    }

    fn tree_fetches(&self) -> Option<usize> {
        let journal = self.server.journal();
        let names = journal.iter().flat_map(|entry| &entry.commands);
        Some(names.filter(|name| *name == "f").count())
    }
}

/// Runs everything and holds the table against what is expected of this bench: nothing fails, and nothing is left out.
async fn all(seed: u64, form: Form, flaky: bool, scale: Scale) {
    let bench = Embedded::start(seed, flaky, false).await;
    run(bench, seed, form, flaky, scale).await;
}

async fn run(bench: Arc<Embedded>, seed: u64, form: Form, flaky: bool, scale: Scale) {
    let report = Suite::new(bench)
        .form(form)
        .scale(scale)
        .patience(Duration::from_secs(60))
        .at_once(if flaky { 8 } else { 2 })
        .run()
        .await
        .unwrap();
    println!("{report}");
    assert_eq!(report.rows().len(), 118);
    assert!(
        report.is_clean(),
        "seed {seed}: {:#?}",
        report.failed().collect::<Vec<_>>()
    );
    assert_eq!(
        report.not_applicable().count(),
        0,
        "{:#?}",
        report.not_applicable().collect::<Vec<_>>()
    );
}

/// The checklist's own figures, where an unoptimised program reaches them in a second.
fn scale() -> Scale {
    let mut scale = Scale::QUICK;
    (scale.items, scale.depth) = (Scale::FULL.items, Scale::FULL.depth);
    scale
}

#[test]
fn all_118_lines_are_there_once_and_in_order() {
    let ids: Vec<&str> = checks().map(|check| check.id()).collect();
    assert_eq!(ids.len(), 118);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 118);
    let counts = [
        ("LS", 18),
        ("ST", 11),
        ("RD", 14),
        ("WR", 20),
        ("DR", 7),
        ("DE", 7),
        ("MV", 11),
        ("CP", 6),
        ("SH", 6),
        ("TR", 9),
        ("GN", 9),
    ];
    let expected: Vec<String> = counts
        .iter()
        .flat_map(|(section, count)| (1..=*count).map(move |n| format!("{section}-{n}")))
        .collect();
    assert_eq!(ids, expected);
    assert!(checks().all(|check| !check.about().is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_path() {
    all(1, Form::Path, false, scale()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_handle() {
    all(2, Form::Handle, false, scale()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_waiting_calls() {
    all(3, Form::Blocking, false, scale()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_path_while_a_fifth_of_all_requests_fails() {
    all(4, Form::Path, true, scale()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_handle_while_a_fifth_of_all_requests_fails() {
    all(5, Form::Handle, true, scale()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_waiting_calls_while_a_fifth_of_all_requests_fails() {
    all(6, Form::Blocking, true, scale()).await;
}

/// What GN-9 asks: a client of few connections, little memory and a bounded rate does all of it, too.
#[tokio::test(flavor = "multi_thread")]
async fn gn_9_by_path_with_few_connections_little_memory_and_a_bounded_rate() {
    let bench = Embedded::start(7, false, true).await;
    run(bench, 7, Form::Path, false, Scale::QUICK).await;
}
