//! Each call that changes something, dropped at each of its polls: threat model CAN-1, CAN-2, CAN-4.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use mega_client::{Client, Credentials, Result};

use crate::memory::Memory;
use crate::place::{EMAIL, PASSWORD};

pub(crate) type Call = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Polls a call so often; `None` if it was not done by then, and is dropped.
pub(crate) async fn polled(mut call: Call, mut polls: usize) -> Option<Result<()>> {
    std::future::poll_fn(move |context| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        call.as_mut().poll(context).map(Some)
    })
    .await
}

/// A change, what must be there before, and which listings may follow: not done, done.
struct Case {
    name: &'static str,
    call: fn(Client) -> Call,
    before: &'static [&'static str],
    after: &'static [&'static str],
}

/// Below a folder of its own, which the call sees as its root.
const CASES: [Case; 13] = [
    Case {
        name: "create folders",
        call: |mega| Box::pin(async move { mega.create_dir("/a/b").await.map(drop) }),
        before: &["/f 1"],
        after: &["/a", "/a/b", "/f 1"],
    },
    Case {
        name: "write",
        call: |mega| Box::pin(async move { mega.write("/new", "12").await.map(drop) }),
        before: &["/f 1"],
        after: &["/f 1", "/new 2"],
    },
    Case {
        name: "replace",
        call: |mega| Box::pin(async move { mega.write("/f", "123").await.map(drop) }),
        before: &["/f 1"],
        after: &["/f 3"],
    },
    Case {
        name: "copy",
        call: |mega| Box::pin(async move { mega.copy("/f", "/").rename("g").await.map(drop) }),
        before: &["/f 1"],
        after: &["/f 1", "/g 1"],
    },
    Case {
        name: "move",
        call: |mega| Box::pin(async move { mega.move_to("/f", "/d").await.map(drop) }),
        before: &["/d", "/f 1"],
        after: &["/d", "/d/f 1"],
    },
    Case {
        name: "rename",
        call: |mega| Box::pin(async move { mega.rename("/f", "g").await.map(drop) }),
        before: &["/f 1"],
        after: &["/g 1"],
    },
    Case {
        name: "move and rename",
        call: |mega| Box::pin(async move { mega.move_to("/f", "/d").rename("g").await.map(drop) }),
        before: &["/d", "/f 1"],
        after: &["/d", "/d/g 1"],
    },
    Case {
        name: "edit",
        call: |mega| Box::pin(async move { mega.edit("/f").description("x").await.map(drop) }),
        before: &["/f 1"],
        after: &["/f 1 noted"],
    },
    Case {
        name: "link",
        call: |mega| Box::pin(async move { mega.link("/f").await.map(drop) }),
        before: &["/f 1"],
        after: &["/f 1 linked"],
    },
    Case {
        name: "link a folder",
        call: |mega| Box::pin(async move { mega.link("/d").await.map(drop) }),
        before: &["/d", "/d/f 1"],
        after: &["/d linked", "/d/f 1"],
    },
    Case {
        name: "remove link",
        call: |mega| Box::pin(async move { mega.remove_link("/f").await }),
        before: &["/f 1 linked"],
        after: &["/f 1"],
    },
    Case {
        name: "trash",
        call: |mega| Box::pin(async move { mega.trash("/f").await.map(drop) }),
        before: &["/f 1"],
        after: &[],
    },
    Case {
        name: "delete",
        call: |mega| Box::pin(async move { mega.delete("/d").await }),
        before: &["/d", "/d/f 1"],
        after: &[],
    },
];

struct World {
    memory: Arc<Memory>,
    mega: Client,
    fresh: Client,
}

impl World {
    async fn new() -> Self {
        let memory = Memory::new();
        memory.service.account(EMAIL, PASSWORD).create();
        let login = || Credentials::new(EMAIL, PASSWORD);
        let mega = memory.builder().login(login()).await.unwrap();
        let fresh = memory.builder().login(login()).await.unwrap();
        Self {
            memory,
            mega,
            fresh,
        }
    }

    /// What lies in a folder, the same for both clients.
    async fn listing(&self, folder: &str) -> Vec<String> {
        let mut seen = Vec::new();
        for client in [&self.mega, &self.fresh] {
            client.refresh().await.unwrap();
            let nodes = client.list(folder).recursive().sorted().await.unwrap();
            let lines = nodes.iter().map(|node| {
                let path = client.path_of(node).unwrap();
                let path = path.strip_prefix(folder).unwrap();
                let mut line = path.to_owned();
                if !node.is_folder() {
                    line.push_str(&format!(" {}", node.size()));
                }
                if node.description().is_some() {
                    line.push_str(" noted");
                }
                if node.link().is_some() {
                    line.push_str(" linked");
                }
                line
            });
            let mut lines: Vec<String> = lines.collect();
            lines.sort();
            seen.push(lines);
        }
        assert_eq!(seen[0], seen[1], "both clients see the same");
        seen.swap_remove(0)
    }

    /// Nothing that was given up is under way any more.
    async fn at_rest(&self) {
        while !self.mega.pending_changes().is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

/// CAN-1, CAN-2, CAN-4: whatever the poll at which a change is dropped, it is done as a whole or not at all, once; the client goes on, and the same call again
/// leads where it should have led. What had left is listed until its end is known.
#[tokio::test(start_paused = true)]
async fn can_1_can_2_can_4_a_change_dropped_at_any_poll_is_done_once_or_not_at_all() {
    let world = World::new().await;
    for case in &CASES {
        let mut outcomes = [0, 0];
        for polls in 0.. {
            assert!(polls < 500, "{} never ends", case.name);
            let folder = format!("/{} {polls}", case.name);
            world.mega.create_dir(&folder).await.unwrap();
            let view = world.mega.view(&folder).unwrap();
            for line in case.before {
                let mut words = line.split(' ');
                let path = words.next().unwrap();
                match words.next() {
                    Some(size) => {
                        let content = vec![b'x'; size.parse().unwrap()];
                        view.write(path, content).await.map(drop).unwrap();
                    }
                    None => view.create_dir(path).await.map(drop).unwrap(),
                }
                if words.next() == Some("linked") {
                    view.link(path).await.map(drop).unwrap();
                }
            }
            drop(world.mega.take_settled_changes());
            let ended = polled((case.call)(view.clone()), polls).await;
            world.at_rest().await;
            let seen = world.listing(&folder).await;
            let done = seen == case.after;
            outcomes[usize::from(done)] += 1;
            if let Some(ended) = ended {
                ended.unwrap();
                assert!(done, "{}: {seen:?}", case.name);
                assert!(world.mega.take_settled_changes().is_empty());
                break;
            }
            // Folders are made one above the other, so the upper one may be there alone; an upload has no half.
            let half = case.name == "create folders" && seen == ["/a", "/f 1"];
            assert!(
                done || half || seen == case.before,
                "{} dropped after {polls} polls: {seen:?}",
                case.name
            );
            // The same again leads where it should have led, and not beyond.
            let again = (case.call)(view.clone()).await;
            let repeatable = matches!(case.name, "create folders" | "write" | "replace");
            if !done || repeatable {
                again.unwrap();
                assert_eq!(world.listing(&folder).await, case.after, "{}", case.name);
            }
        }
        assert!(
            outcomes.iter().all(|&count| count > 0),
            "{}: {outcomes:?} polls before and after the effect",
            case.name
        );
    }
    drop(world.memory);
}

/// The same for what comes back from the bin: it lies in one place or the other, and the same call again brings it back.
#[tokio::test(start_paused = true)]
async fn can_1_de_3_a_restoration_dropped_at_any_poll_can_be_made_again() {
    let world = World::new().await;
    let mega = &world.mega;
    let mut outcomes = [0, 0];
    for polls in 0.. {
        assert!(polls < 500, "it never ends");
        let path = format!("/dir {polls}/x");
        let node = mega.write(&*path, "x").await.unwrap().handle();
        mega.trash(node).await.unwrap();
        let again = mega.clone();
        let call = async move { again.restore(node).await.map(drop) };
        let ended = polled(Box::pin(call), polls).await;
        world.at_rest().await;
        mega.refresh().await.unwrap();
        let done = mega.exists(&*path).await.unwrap();
        outcomes[usize::from(done)] += 1;
        if let Some(ended) = ended {
            ended.unwrap();
            assert!(done);
            break;
        }
        if !done {
            mega.restore(node).await.unwrap();
        }
        world.fresh.refresh().await.unwrap();
        assert_eq!(world.fresh.read(&*path).await.unwrap(), "x");
    }
    assert!(outcomes.iter().all(|&count| count > 0), "{outcomes:?}");
}
