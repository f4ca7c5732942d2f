//! The rows: what goes wrong.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mega_client::ErrorKind;
use mega_protocol::transport::TransportErrorKind;
use mega_testserver::{Fault, Hostile, Lane, Model, Service};

use super::operation::Operation;
use super::wire::Trouble;
use super::world::World;
use crate::place::EMAIL;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Refused,
    Tls,
    NoHead,
    CutBody,
    Stall,
    Status,
    Busy,
    Definite,
    ReplyLost,
    Forgetful,
    Malformed,
    Page,
    Expired,
    WrongBytes,
    Length,
    Token,
    Killed,
    Quota,
    Packets,
    Second,
    Hostile,
    Cancelled,
    Crash,
    Disk,
    Clock,
    Tampered,
    Work,
}

/// One way in which a class shows.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) stays: bool,
    pub(crate) how: How,
}

pub(crate) enum How {
    /// Trouble with the requests of these lanes: with each of those that the operation makes in turn, and where it stays with all after it.
    Requests(&'static [Lane], fn(&World) -> Trouble),
    /// Something is different beforehand.
    Before(fn(&World)),
    /// The account is different from the start.
    Account(fn(&mut Model)),
    /// The client begins with what an earlier one has kept in a folder, and something happens to that before, or once it is open.
    Kept { change: fn(&Path), open: bool },
    /// The future is dropped after so many polls, for each number of polls; or the process ends there.
    Polls { crash: bool },
}

const ALL: &[Lane] = &[Lane::Api, Lane::Events, Lane::Upload, Lane::Download];
const API: &[Lane] = &[Lane::Api];
const ASKING: &[Lane] = &[Lane::Api, Lane::Events];
const EVENTS: &[Lane] = &[Lane::Events];
const STORAGE: &[Lane] = &[Lane::Upload, Lane::Download];
/// A key that nobody has, as a member of a reply.
const WRONG_KEY: &str = "\"AAAAAAAAAAAAAAAAAAAAAA\"";
const HOUR: Duration = Duration::from_secs(3600);

impl Class {
    pub(crate) const ALL: [Self; 27] = [
        Self::Refused,
        Self::Tls,
        Self::NoHead,
        Self::CutBody,
        Self::Stall,
        Self::Status,
        Self::Busy,
        Self::Definite,
        Self::ReplyLost,
        Self::Forgetful,
        Self::Malformed,
        Self::Page,
        Self::Expired,
        Self::WrongBytes,
        Self::Length,
        Self::Token,
        Self::Killed,
        Self::Quota,
        Self::Packets,
        Self::Second,
        Self::Hostile,
        Self::Cancelled,
        Self::Crash,
        Self::Disk,
        Self::Clock,
        Self::Tampered,
        Self::Work,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Refused => "F1 name lookup, refused",
            Self::Tls => "F2 TLS name or chain wrong",
            Self::NoHead => "F3 reset before the reply's head",
            Self::CutBody => "F4 reset or end inside the body",
            Self::Stall => "F5 stall, trickle",
            Self::Status => "F6 402, 429, 5xx",
            Self::Busy => "F7 storm of -3, -4",
            Self::Definite => "F8 definite error",
            Self::ReplyLost => "F9 executed, reply lost",
            Self::Forgetful => "F10 the service forgets request ids",
            Self::Malformed => "F11 malformed, short, wrong types",
            Self::Page => "F12 HTML or nothing, status 200",
            Self::Expired => "F13 address expires mid-way",
            Self::WrongBytes => "F14 wrong bytes from storage",
            Self::Length => "F15 length lies",
            Self::Token => "F16 token early, lost, refused",
            Self::Killed => "F17 session killed",
            Self::Quota => "F18 storage and transfer quota",
            Self::Packets => "F19 packets twice, reversed, lost, old",
            Self::Second => "F20 a second client interferes",
            Self::Hostile => "F21 hostile tree, keys, attributes",
            Self::Cancelled => "F22 cancelled at any poll",
            Self::Crash => "F23 crash at any poll",
            Self::Disk => "F24 disk full, I/O error",
            Self::Clock => "F25 clock jumps",
            Self::Tampered => "F26 files on disk tampered with",
            Self::Work => "F27 proof of work, extreme",
        }
    }

    /// The errors that may come of it, besides an unknown outcome.
    pub(crate) fn errors(self) -> &'static [ErrorKind] {
        use ErrorKind::{
            AccessDenied, AlreadyExists, BadCredentials, Cancelled, Integrity, Io, Key, Network,
            NotFound, OverStorageQuota, OverTransferQuota, Precondition, Protocol, RateLimited,
            ServerMaterialRejected, SessionExpired, SourceChanged, Timeout,
        };
        match self {
            Self::Refused | Self::NoHead | Self::CutBody | Self::Stall | Self::Page => {
                &[Network, Timeout]
            }
            // The event channel tries again as long as there is time.
            Self::Tls => &[Network, Timeout],
            Self::Status | Self::Busy => &[Network, Timeout, RateLimited],
            Self::Definite => &[AccessDenied],
            Self::ReplyLost | Self::Forgetful | Self::Expired | Self::Clock | Self::Packets => &[],
            // Half a reply of the event channel is asked for again as long as there is time.
            Self::Malformed => &[Protocol, Network, Timeout],
            Self::WrongBytes => &[Integrity, Network],
            Self::Length => &[Integrity, Protocol, SourceChanged, Network],
            Self::Token => &[Network, Integrity, Protocol],
            Self::Killed => &[SessionExpired],
            Self::Quota => &[OverStorageQuota, OverTransferQuota],
            Self::Second => &[NotFound, AlreadyExists, Precondition, AccessDenied],
            Self::Hostile => &[Key, ServerMaterialRejected, BadCredentials],
            Self::Cancelled | Self::Crash => &[Cancelled],
            Self::Disk => &[Io, NotFound, SourceChanged],
            Self::Tampered => &[ServerMaterialRejected],
            // The event channel waits until it may ask again.
            Self::Work => &[RateLimited, Timeout],
        }
    }

    /// Why a cell cannot be, in words.
    pub(crate) fn impossible(self, operation: Operation) -> Option<&'static str> {
        Some(match (self, operation) {
            (Self::Expired | Self::WrongBytes, _) => {
                "no content moves, so no storage address is used"
            }
            (Self::Length, _) => "nothing with a length is moved or listed",
            (Self::Token, _) => "no upload, so no completion token",
            (Self::Quota, _) => "it uses neither storage nor transfer",
            (Self::Packets, Operation::Resume | Operation::Download | Operation::Range) => {
                "it asks for no events"
            }
            (Self::Packets | Self::Second, _) => "no tree is held yet that could go stale",
            (Self::Cancelled, Operation::Events) => "following is meant to be dropped at any time",
            (Self::Cancelled | Self::Crash | Self::Disk, Operation::Range) => {
                "a part is read into memory; nothing is left behind by dropping it"
            }
            (Self::Tampered, Operation::Login) => "nothing on disk is read",
            _ => return None,
        })
    }

    /// The ways in which it shows for an operation.
    pub(crate) fn cases(self, operation: Operation) -> Vec<Case> {
        let passing = |name, how| Case {
            name,
            stays: false,
            how,
        };
        let staying = |name, how| Case {
            name,
            stays: true,
            how,
        };
        let both = |name, lanes, trouble: fn(&World) -> Trouble| {
            [
                passing(name, How::Requests(lanes, trouble)),
                staying(name, How::Requests(lanes, trouble)),
            ]
        };
        use How::{Account, Before, Polls, Requests};
        match self {
            Self::Refused => both("refused", ALL, |_| {
                Trouble::Nobody(TransportErrorKind::Connect)
            })
            .into(),
            Self::Tls => both("name", ALL, |_| Trouble::Nobody(TransportErrorKind::Tls)).into(),
            Self::NoHead => {
                let mut cases = Vec::new();
                cases.extend(both("before", ALL, |_| {
                    service(Fault::any().drop_before().reset())
                }));
                cases.extend(both("after", ALL, |_| {
                    service(Fault::any().lose_reply().reset())
                }));
                cases
            }
            Self::CutBody => {
                let mut cases = Vec::new();
                cases.extend(both("at once", ALL, |_| {
                    service(Fault::any().headers_only())
                }));
                let inside: fn(&World) -> Trouble = |_| service(Fault::any().cut_at(1));
                cases.push(passing("inside", Requests(ALL, inside)));
                // A transfer that gets a byte further each time comes to its end.
                if !matches!(operation, Operation::Download | Operation::Range) {
                    cases.push(staying("inside", Requests(ALL, inside)));
                }
                cases
            }
            Self::Stall => {
                let mut cases = Vec::new();
                cases.extend(both("stall", ALL, |_| {
                    service(Fault::any().stall_at(1, 1000 * HOUR))
                }));
                let trickle: fn(&World) -> Trouble =
                    |_| service(Fault::any().trickle(100, Duration::from_secs(1)));
                cases.push(passing("trickle", Requests(ALL, trickle)));
                cases
            }
            Self::Status => {
                let mut cases = Vec::new();
                cases.extend(both("503", ALL, |_| service(Fault::any().status(503))));
                cases.extend(both("429", ALL, |_| service(Fault::any().status(429))));
                if operation != Operation::Events {
                    cases.push(passing(
                        "402",
                        Requests(API, |_| service(Fault::lane(Lane::Api).hashcash(255))),
                    ));
                }
                cases
            }
            Self::Busy => {
                let mut cases = Vec::new();
                cases.extend(both("-3", ALL, |_| service(Fault::any().batch(-3))));
                cases.extend(both("-4", ALL, |_| service(Fault::any().batch(-4))));
                cases
            }
            Self::Definite if operation == Operation::Events => {
                vec![passing("-6", Requests(EVENTS, |_| Trouble::Code(-6)))]
            }
            Self::Definite => vec![staying("-11", Requests(API, |_| Trouble::Code(-11)))],
            Self::ReplyLost => vec![passing(
                "lost",
                Requests(ALL, |_| service(Fault::any().lose_reply())),
            )],
            Self::Forgetful => vec![passing(
                "lost and forgotten",
                Requests(ALL, |_| {
                    Trouble::Service(vec![
                        Fault::any().lose_reply(),
                        Fault::lane(Lane::Api).forget_ids().skip(1),
                    ])
                }),
            )],
            Self::Malformed => {
                let lanes = if operation == Operation::Events {
                    EVENTS
                } else {
                    API
                };
                let mut cases = Vec::new();
                cases.extend(both("half", lanes, |_| service(Fault::any().body("[{\""))));
                cases.extend(both("types", lanes, |_| {
                    service(Fault::any().swapped_types())
                }));
                if lanes == API {
                    cases.extend(both("short", lanes, |_| {
                        service(Fault::any().shorter_by(1))
                    }));
                }
                cases
            }
            Self::Page => {
                let mut cases = Vec::new();
                cases.extend(both("page", ASKING, |_| service(Fault::any().html())));
                cases.extend(both("nothing", ASKING, |_| service(Fault::any().body(""))));
                cases
            }
            Self::Expired => vec![passing(
                "expired",
                Requests(STORAGE, |_| service(Fault::any().expire_url())),
            )],
            Self::WrongBytes if operation == Operation::Recursive => {
                both("flipped on the way", STORAGE, |_| Trouble::Flip).into()
            }
            Self::WrongBytes => {
                both("flipped", STORAGE, |_| service(Fault::any().corrupt_at(10))).into()
            }
            Self::Length => vec![match operation {
                Operation::LoadTree => passing(
                    "listed",
                    Account(|model| {
                        model.insert_hostile(EMAIL, Hostile::Sizes);
                    }),
                ),
                Operation::Events => passing(
                    "delivered",
                    Before(|world| {
                        world.model(|model| push_node(model, "\"s\":-1"));
                    }),
                ),
                Operation::Upload | Operation::Replace => staying(
                    "announced",
                    Before(|world| *world.lying.lock().unwrap() = true),
                ),
                Operation::Recursive => staying(
                    "source grows",
                    Requests(STORAGE, |world| {
                        let source = world.local("tree/b");
                        meanwhile(move |_| std::fs::write(&source, [0; 200_000]).unwrap())
                    }),
                ),
                _ => staying(
                    "size",
                    Requests(API, |_| service(Fault::any().replace_member("s", "5"))),
                ),
            }],
            Self::Token => {
                let mut cases = vec![
                    passing(
                        "false",
                        Requests(STORAGE, |_| service(Fault::any().false_token())),
                    ),
                    passing(
                        "lost",
                        Requests(STORAGE, |_| service(Fault::any().lose_token())),
                    ),
                ];
                if operation != Operation::Recursive {
                    cases.push(staying(
                        "false",
                        Requests(STORAGE, |_| service(Fault::any().false_token())),
                    ));
                    cases.push(staying(
                        "lost",
                        Requests(STORAGE, |_| service(Fault::any().lose_token())),
                    ));
                }
                cases
            }
            Self::Killed => {
                vec![staying(
                    "killed",
                    Requests(ASKING, |_| service(Fault::any().kill_session())),
                )]
            }
            Self::Quota if matches!(operation, Operation::Download | Operation::Range) => vec![
                passing(
                    "waited for",
                    Requests(STORAGE, |world| {
                        let patient = mega_client::TransferLimits::default();
                        let patient =
                            patient.quota_policy(mega_client::QuotaPolicy::WaitUpTo(HOUR));
                        world.mega.set_limits(patient);
                        service(Fault::any().bandwidth(60))
                    }),
                ),
                staying(
                    "509",
                    Requests(STORAGE, |_| service(Fault::any().bandwidth(60))),
                ),
            ],
            Self::Quota => vec![staying("-17", Requests(API, |_| Trouble::Code(-17)))],
            Self::Packets => {
                let mut cases = vec![
                    passing(
                        "twice",
                        Requests(EVENTS, |world| packets(world, Fault::any().double_events())),
                    ),
                    passing(
                        "reversed",
                        Requests(EVENTS, |world| {
                            packets(world, Fault::any().reverse_events())
                        }),
                    ),
                    passing(
                        "late",
                        Requests(EVENTS, |world| packets(world, Fault::any().late_events())),
                    ),
                    passing(
                        "old",
                        Requests(EVENTS, |world| packets(world, Fault::any().old_position())),
                    ),
                ];
                // Nobody can see that news is missing of which nothing is known; one's own is waited for.
                if operation.changes() {
                    cases.push(passing(
                        "lost",
                        Requests(EVENTS, |_| service(Fault::any().drop_events())),
                    ));
                }
                cases
            }
            Self::Second => {
                let mut cases = vec![passing(
                    "elsewhere",
                    Requests(ALL, |_| {
                        meanwhile(|service| {
                            service.with_model(|model| {
                                model.make_folder(EMAIL, "/theirs/inner");
                                let kept = model.find(EMAIL, "/kept").unwrap();
                                model.rename(kept, "renamed");
                            })
                        })
                    }),
                )];
                if matches!(
                    operation,
                    Operation::Replace
                        | Operation::Download
                        | Operation::Range
                        | Operation::Move
                        | Operation::Copy
                        | Operation::Link
                ) {
                    cases.push(passing(
                        "takes it away",
                        Requests(ALL, |_| {
                            meanwhile(|service| {
                                service.with_model(|model| {
                                    for path in ["/old", "/file", "/mover"] {
                                        if let Some(node) = model.find(EMAIL, path) {
                                            model.delete(node);
                                        }
                                    }
                                })
                            })
                        }),
                    ));
                }
                cases
            }
            Self::Hostile => match operation {
                Operation::Login => vec![staying(
                    "master key",
                    Before(|world| {
                        world
                            .service
                            .faults()
                            .add(Fault::command("us").replace_member("k", WRONG_KEY).always());
                    }),
                )],
                Operation::Resume => vec![staying(
                    "session key",
                    Before(|world| {
                        world.service.faults().add(
                            Fault::command("us")
                                .replace_member("sek", WRONG_KEY)
                                .always(),
                        );
                    }),
                )],
                Operation::Download | Operation::Range | Operation::Copy | Operation::Link => {
                    vec![staying(
                        "key",
                        Account(|model| {
                            let file = model.find(EMAIL, "/file").unwrap();
                            model.tamper_key(file, "not a key");
                        }),
                    )]
                }
                Operation::Events => vec![passing(
                    "packets",
                    Before(|world| {
                        world.model(|model| {
                            push_node(model, "\"s\":\"x\",\"p\":7");
                            model.push_raw_packet(EMAIL, "{\"a\":\"d\",\"n\":5}");
                            model.push_raw_packet(EMAIL, "{\"a\":\"nobody knows\",\"n\":[[{}]]}");
                        });
                    }),
                )],
                _ => vec![passing(
                    "nodes",
                    Account(|model| {
                        for what in Model::hostile_kinds() {
                            model.insert_hostile(EMAIL, what);
                        }
                    }),
                )],
            },
            Self::Cancelled => vec![passing("dropped", Polls { crash: false })],
            Self::Crash => vec![passing("ended", Polls { crash: true })],
            Self::Disk => match operation {
                Operation::Download => vec![staying(
                    "folder gone",
                    Requests(STORAGE, |world| {
                        let out = world.local("out");
                        meanwhile(move |_| drop(std::fs::remove_dir_all(&out)))
                    }),
                )],
                Operation::Recursive => vec![staying(
                    "source gone",
                    Requests(ASKING, |world| {
                        let source = world.local("tree/b");
                        meanwhile(move |_| drop(std::fs::remove_file(&source)))
                    }),
                )],
                _ => vec![
                    passing(
                        "no room for the session",
                        Before(|world| {
                            *world.full.lock().unwrap() = true;
                        }),
                    ),
                    passing("no place for the cache", kept(no_folder, false)),
                    passing(
                        "the cache cannot be written any more",
                        kept(no_folder, true),
                    ),
                ],
            },
            Self::Clock => vec![
                passing(
                    "forwards",
                    Requests(ALL, |_| {
                        meanwhile(|service| service.clock().advance(24 * HOUR))
                    }),
                ),
                passing(
                    "backwards",
                    Requests(ALL, |_| {
                        meanwhile(|service| service.clock().rewind(24 * HOUR))
                    }),
                ),
            ],
            Self::Tampered if operation == Operation::Resume => {
                vec![staying(
                    "session",
                    Before(|world| *world.tampered.lock().unwrap() = true),
                )]
            }
            Self::Tampered => vec![
                passing(
                    "left-overs",
                    Before(|world| {
                        for name in [
                            "out/.mega-0123456789abcdef.part",
                            "out/.mega-0123456789abcdef.journal",
                        ] {
                            std::fs::write(world.local(name), [7; 300]).unwrap();
                        }
                    }),
                ),
                passing("cache", kept(flip, false)),
                passing("cache cut off", kept(cut, false)),
                passing("cache of an open client", kept(flip, true)),
            ],
            Self::Work => vec![staying(
                "hard",
                Requests(ASKING, |_| {
                    Trouble::Answer(
                        402,
                        &[(
                            "X-Hashcash",
                            "1:0:1700000000:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                        )],
                    )
                }),
            )],
        }
    }
}

fn kept(change: fn(&Path), open: bool) -> How {
    How::Kept { change, open }
}

/// A file stands where the folder was.
fn no_folder(folder: &Path) {
    std::fs::remove_dir_all(folder).unwrap();
    std::fs::write(folder, "no folder").unwrap();
}

/// A bit in the middle of every file is another one.
fn flip(folder: &Path) {
    change_files(folder, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
    });
}

fn cut(folder: &Path) {
    change_files(folder, |bytes| bytes.truncate(bytes.len() * 2 / 3));
}

fn change_files(folder: &Path, change: fn(&mut Vec<u8>)) {
    let mut changed = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        // A lock has no content.
        if !bytes.is_empty() {
            change(&mut bytes);
            std::fs::write(&path, bytes).unwrap();
            changed += 1;
        }
    }
    assert!(changed > 0, "an earlier client has left something");
}

fn service(fault: Fault) -> Trouble {
    Trouble::Service(vec![fault])
}

fn meanwhile(act: impl Fn(&Service) + Send + Sync + 'static) -> Trouble {
    Trouble::Meanwhile(Arc::new(act))
}

/// Some news, so that there is an order to be lost.
fn packets(world: &World, fault: Fault) -> Trouble {
    world.model(|model| {
        let made = model.make_folder(EMAIL, "/side").unwrap();
        model.rename(made, "aside");
        model.make_folder(EMAIL, "/aside/inner");
    });
    service(fault)
}

/// Delivers a node that no honest service would.
fn push_node(model: &mut Model, members: &str) {
    let user = model.user(EMAIL).unwrap();
    let (user, root) = (user.handle, user.root);
    let node = format!(
        "{{\"h\":\"AAAAAAAB\",\"p\":\"{root}\",\"u\":\"{user}\",\"t\":0,\"a\":\"\",\"k\":\"\",\"ts\":1,{members}}}"
    );
    let packet = format!("{{\"a\":\"t\",\"t\":{{\"f\":[{node}]}},\"ou\":\"{user}\"}}");
    model.push_raw_packet(EMAIL, &packet);
}
