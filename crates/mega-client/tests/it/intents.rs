//! Changes are noted before they leave, and settled by whoever comes next: threat model RTY-7, RTY-8, PST-5, CAN-2, SEC-7.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use mega_client::{
    ChangeKind, ChangeOutcome, Client, ClientBuilder, Credentials, ErrorKind, SavedSession,
    SettledChange, Transport,
};
use mega_protocol::transport::{TransportError, TransportErrorKind};
use mega_protocol::{HttpRequest, HttpResponse};
use mega_testserver::{Fault, Lane};
use tokio::sync::Semaphore;

use crate::memory::{Memory, ORIGIN};
use crate::place::{EMAIL, PASSWORD, names};

/// What happens to the requests with a certain command.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Arrives,
    /// It is lost on the way there.
    NeverArrives,
    /// It is carried out, and the reply is lost.
    Unanswered,
    /// The same, and from then on no news come either.
    UnansweredAndDeaf,
    /// It is carried out, and the reply comes when there is a permit.
    Waits,
}

/// The network of one client, with a picture of its folder whenever a certain command passes.
struct Camera {
    memory: Arc<Memory>,
    folder: PathBuf,
    watched: Mutex<(&'static str, Fate)>,
    pictures: Mutex<Vec<tempfile::TempDir>>,
    replies: Semaphore,
}

impl Camera {
    fn watch(&self, command: &'static str, fate: Fate) {
        *self.watched.lock().unwrap() = (command, fate);
    }

    fn pictures(&self) -> Vec<tempfile::TempDir> {
        std::mem::take(&mut self.pictures.lock().unwrap())
    }

    fn take_picture(&self) {
        self.pictures.lock().unwrap().push(copy_of(&self.folder));
    }
}

impl Transport for Camera {
    fn request(
        &self,
        request: HttpRequest,
    ) -> mega_protocol::BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let (command, fate) = *self.watched.lock().unwrap();
            let text = format!("\"a\":\"{command}\"");
            let body = request.body.in_memory().cloned().unwrap_or_default();
            if command.is_empty() || !String::from_utf8_lossy(&body).contains(&text) {
                return self.memory.request(request).await;
            }
            self.take_picture();
            let broken = || TransportError::new(TransportErrorKind::Reset);
            if fate == Fate::NeverArrives {
                return Err(broken());
            }
            let reply = self.memory.request(request).await;
            self.take_picture();
            match fate {
                Fate::Unanswered => Err(broken()),
                Fate::UnansweredAndDeaf => {
                    let deaf = Fault::lane(Lane::Events).code(-18).always();
                    self.memory.service.faults().add(deaf);
                    Err(broken())
                }
                Fate::Waits => {
                    self.replies.acquire().await.unwrap().forget();
                    reply
                }
                _ => reply,
            }
        })
    }
}

/// The same files in another folder: what is on the disk when a program dies now.
fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let to = copy.path().join(path.file_name().unwrap());
        std::fs::write(to, std::fs::read(path).unwrap()).unwrap();
    }
    copy
}

struct World {
    camera: Arc<Camera>,
    folder: tempfile::TempDir,
    saved: SavedSession,
    mega: Client,
}

impl World {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(choose: impl Fn(ClientBuilder) -> ClientBuilder) -> Self {
        let memory = Memory::new();
        memory.service.account(EMAIL, PASSWORD).create();
        let folder = tempfile::tempdir().unwrap();
        let camera = Arc::new(Camera {
            memory,
            folder: folder.path().to_owned(),
            watched: Mutex::new(("", Fate::Arrives)),
            pictures: Mutex::default(),
            replies: Semaphore::new(0),
        });
        let builder = Client::builder()
            .origin(ORIGIN)
            .transport(Arc::clone(&camera) as Arc<dyn Transport>)
            .deadline(Duration::ZERO)
            .cache_dir(folder.path());
        let login = Credentials::new(EMAIL, PASSWORD);
        let mega = choose(builder).login(login).await.unwrap();
        mega.create_dir("/docs/old").await.unwrap();
        for name in ["letter.txt", "a.txt", "b.txt", "c.txt", "d.txt"] {
            mega.write(format!("/docs/{name}"), name).await.unwrap();
        }
        mega.write("/docs/gone.txt", "x").await.unwrap();
        mega.trash("/docs/gone.txt").await.unwrap();
        mega.write("/public.txt", "y").await.unwrap();
        mega.link("/public.txt").await.unwrap();
        let saved = mega.save().unwrap();
        Self {
            camera,
            folder,
            saved,
            mega,
        }
    }

    /// The next program, which finds this folder.
    async fn next(&self, folder: &Path) -> Client {
        let builder = self.camera.memory.builder().cache_dir(folder);
        builder.resume(&self.saved).await.unwrap()
    }

    /// The commands that were sent since the last call and change something.
    fn changes_sent(&self) -> Vec<String> {
        let asked = self.camera.memory.asked();
        let commands = asked.iter().flat_map(crate::memory::Asked::commands);
        commands
            .filter(|command| ["p", "m", "a", "d", "dr", "l"].contains(&&**command))
            .collect()
    }
}

/// The lists of open changes in a folder.
fn lists(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "intents"))
        .collect()
}

type Work = fn(Client) -> BoxFuture<'static, mega_client::Result<()>>;

/// A change: the command, what it is, the path that is told, and how it is asked for.
type Case = (&'static str, ChangeKind, Option<&'static str>, Work);

const CASES: [Case; 9] = [
    ("p", ChangeKind::NewFolder, Some("/docs/new"), |mega| {
        Box::pin(async move { mega.create_dir("/docs/new").await.map(drop) })
    }),
    ("p", ChangeKind::NewFile, Some("/docs/new.txt"), |mega| {
        Box::pin(async move { mega.write("/docs/new.txt", "new").await.map(drop) })
    }),
    (
        "p",
        ChangeKind::Copy,
        Some("/docs/old/public.txt"),
        |mega| Box::pin(async move { mega.copy("/public.txt", "/docs/old").await.map(drop) }),
    ),
    ("m", ChangeKind::Move, Some("/docs/a.txt"), |mega| {
        Box::pin(async move { mega.move_to("/docs/a.txt", "/docs/old").await.map(drop) })
    }),
    ("a", ChangeKind::Attributes, Some("/docs/b.txt"), |mega| {
        Box::pin(async move { mega.rename("/docs/b.txt", "note.txt").await.map(drop) })
    }),
    ("d", ChangeKind::Delete, Some("/docs/c.txt"), |mega| {
        Box::pin(async move { mega.delete("/docs/c.txt").await })
    }),
    ("dr", ChangeKind::EmptyRubbishBin, None, |mega| {
        Box::pin(async move { mega.empty_rubbish_bin().await.map(drop) })
    }),
    ("l", ChangeKind::MakeLink, Some("/docs/d.txt"), |mega| {
        Box::pin(async move { mega.link("/docs/d.txt").await.map(drop) })
    }),
    ("l", ChangeKind::RemoveLink, Some("/public.txt"), |mega| {
        Box::pin(async move { mega.remove_link("/public.txt").await.map(drop) })
    }),
];

/// Looks at the only change that was settled.
fn the_one(settled: &[SettledChange], case: &Case) -> ChangeOutcome {
    let [one] = settled else {
        panic!("{}: {settled:?}", case.0);
    };
    assert_eq!(one.change().kind(), case.1);
    assert_eq!(one.change().command(), case.0);
    assert_eq!(one.change().path(), case.2);
    one.outcome()
}

/// PST-5: at any time between the departure of a change and its answer, the disk has what the next program needs. RTY-7, RTY-8: that one
/// finds out from the tree, before it sends anything, and does nothing twice.
#[tokio::test(start_paused = true)]
async fn pst_5_rty_7_rty_8_the_next_program_finds_out_what_became_of_a_change_whose_program_died() {
    for fate in [Fate::NeverArrives, Fate::Arrives, Fate::Unanswered] {
        let world = World::new().await;
        for case in CASES {
            world.camera.watch(case.0, fate);
            let ended = (case.3)(world.mega.clone()).await;
            assert!(ended.is_ok() || fate != Fate::Arrives, "{ended:?}");
            world.camera.watch("", Fate::Arrives);
            world.changes_sent();
            let pictures = world.camera.pictures();
            assert!(!pictures.is_empty(), "{}", case.0);
            for picture in &pictures {
                // The original was told by its own means; the picture is of a program that died.
                let next = world.next(picture.path()).await;
                let outcome = the_one(&next.take_settled_changes(), &case);
                let expected = match fate {
                    Fate::NeverArrives => ChangeOutcome::NotDone,
                    _ => ChangeOutcome::Done,
                };
                assert_eq!(outcome, expected, "{}", case.0);
                assert_eq!(world.changes_sent(), [""; 0], "nothing is done again");
                assert!(next.pending_changes().is_empty());
                assert!(next.take_settled_changes().is_empty(), "told once");
                assert!(lists(picture.path()).is_empty(), "and forgotten");
            }
            world.mega.refresh().await.unwrap();
            drop(world.mega.take_settled_changes());
            assert!(world.mega.pending_changes().is_empty());
        }
        // A program that dies later than that leaves nothing to find out.
        let later = copy_of(world.folder.path());
        let next = world.next(later.path()).await;
        assert!(next.take_settled_changes().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn sec_7_nothing_of_a_change_can_be_read_on_disk() {
    let world = World::new().await;
    world.camera.watch("p", Fate::Arrives);
    let made = world
        .mega
        .write("/docs/secret plans.txt", "dig")
        .await
        .unwrap();
    let folder = world.mega.stat("/docs").await.unwrap();
    let picture = world.camera.pictures().remove(0);
    let [list] = &lists(picture.path())[..] else {
        panic!("one list");
    };
    let mut bytes = std::fs::read(list).unwrap();
    assert!(bytes.len() > 100);
    bytes.extend(list.file_name().unwrap().to_string_lossy().bytes());
    let key = world.camera.memory.service.with_model(|model| {
        let node = mega_testserver::wire::NodeHandle::parse(&made.handle().to_string());
        model.node_key(node.unwrap()).unwrap()
    });
    let mut secrets = vec![key, EMAIL.as_bytes().to_vec()];
    for text in ["secret", "plans", "docs"] {
        secrets.push(text.as_bytes().to_vec());
    }
    for node in [folder.handle(), made.handle()] {
        secrets.push(node.to_bytes().to_vec());
        secrets.push(node.to_string().into_bytes());
    }
    for secret in secrets {
        let found = bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!found, "{}", String::from_utf8_lossy(&secret));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let [list] = &lists(world.folder.path())[..] else {
            panic!("one list");
        };
        let mode = list.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test(start_paused = true)]
async fn signing_out_deletes_the_list() {
    let world = World::new().await;
    assert_eq!(lists(world.folder.path()).len(), 1);
    let clone = world.mega.clone();
    world.mega.sign_out().await.unwrap();
    assert!(lists(world.folder.path()).is_empty());
    clone.create_dir("/late").await.unwrap_err();
    assert!(lists(world.folder.path()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_must_be_noted_needs_a_place() {
    let memory = Memory::new();
    let login = Credentials::new(EMAIL, PASSWORD);
    let error = memory.builder().require_intents(true).login(login).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Misuse);
    assert!(memory.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_node_that_was_made_is_named() {
    let world = World::new().await;
    world.camera.watch("p", Fate::Arrives);
    let made = world.mega.create_dir("/docs/new").await.unwrap();
    let copied = world.mega.copy("/public.txt", "/docs").await.unwrap();
    world.camera.watch("", Fate::Arrives);
    let handles = [made.handle(), copied.node().handle()];
    let pictures = world.camera.pictures();
    let folder = world.mega.stat("/docs").await.unwrap().handle();
    for (picture, handle) in [&pictures[0], &pictures[2]].into_iter().zip(handles) {
        let settled = world.next(picture.path()).await.take_settled_changes();
        let [one] = &settled[..] else {
            panic!("{settled:?}");
        };
        assert_eq!(one.made(), Some(handle));
        assert_eq!(one.change().folder(), Some(folder));
        assert_eq!(one.change().node(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn rty_8_no_change_leaves_before_what_was_left_behind_is_settled() {
    let world = World::new().await;
    world.camera.watch("p", Fate::Unanswered);
    let _unknown = world.mega.create_dir("/docs/new").await;
    world.camera.watch("", Fate::Arrives);
    let picture = world.camera.pictures().remove(0);
    // Without a tree on disk, so that the first look at the news comes after the load: and fails.
    for entry in std::fs::read_dir(picture.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none() {
            std::fs::remove_file(path).unwrap();
        }
    }
    let faults = world.camera.memory.service.faults();
    faults.add(Fault::lane(Lane::Events).code(-18).always());
    let builder = world.camera.memory.builder().deadline(Duration::ZERO);
    let next = builder
        .cache_dir(picture.path())
        .resume(&world.saved)
        .await
        .unwrap();
    let pending = next.pending_changes();
    assert_eq!(pending.len(), 1, "{pending:?}");
    assert_eq!(pending[0].path(), Some("/docs/new"));
    assert!(next.take_settled_changes().is_empty());
    world.changes_sent();
    next.delete("/docs/letter.txt").await.unwrap_err();
    assert_eq!(world.changes_sent(), [""; 0], "nothing left");
    assert_eq!(next.pending_changes().len(), 1);

    faults.clear();
    next.delete("/docs/letter.txt").await.unwrap();
    assert_eq!(world.changes_sent(), ["d"]);
    let settled = next.take_settled_changes();
    assert_eq!(settled.len(), 1);
    assert_eq!(settled[0].outcome(), ChangeOutcome::Done);
    assert!(next.pending_changes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn can_2_a_change_whose_future_was_dropped_is_listed_until_its_end_is_known() {
    let world = World::new().await;
    world.camera.watch("p", Fate::Waits);
    {
        let mut call = Box::pin(world.mega.create_dir("/docs/new").into_future());
        tokio::select! {
            biased;
            _ = &mut call => panic!("the reply waits"),
            () = async { while world.camera.pictures.lock().unwrap().len() < 2 { tokio::task::yield_now().await } } => {}
        }
    }
    let pending = world.mega.pending_changes();
    let [one] = &pending[..] else {
        panic!("{pending:?}");
    };
    assert_eq!(
        (one.kind(), one.path()),
        (ChangeKind::NewFolder, Some("/docs/new"))
    );
    assert!(!format!("{one:?}").contains("new"), "no name in a log");
    assert!(world.mega.take_settled_changes().is_empty());
    // Somebody else shows nothing of it, nor does a view.
    assert!(
        world
            .mega
            .view("/docs")
            .unwrap()
            .pending_changes()
            .is_empty()
    );

    world.camera.replies.add_permits(1);
    world.mega.create_dir("/docs/new").await.unwrap();
    assert!(world.mega.pending_changes().is_empty());
    let settled = world.mega.take_settled_changes();
    let [one] = &settled[..] else {
        panic!("{settled:?}");
    };
    assert_eq!(one.outcome(), ChangeOutcome::Done);
    assert_eq!(
        names(&world.mega, "/docs").await,
        [
            "a.txt",
            "b.txt",
            "c.txt",
            "d.txt",
            "letter.txt",
            "new",
            "old"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn rty_6_what_failed_as_unknown_is_pending_until_the_tree_tells() {
    let world = World::new().await;
    world.camera.watch("m", Fate::UnansweredAndDeaf);
    let moved = world.mega.move_to("/docs/letter.txt", "/docs/old").await;
    assert_eq!(moved.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(world.mega.pending_changes().len(), 1);
    assert!(world.mega.take_settled_changes().is_empty());
    world.camera.memory.service.faults().clear();
    world.mega.refresh().await.unwrap();
    assert!(world.mega.pending_changes().is_empty());
    let settled = world.mega.take_settled_changes();
    assert_eq!(settled.len(), 1, "{settled:?}");
    assert_eq!(settled[0].outcome(), ChangeOutcome::Done);
}

#[tokio::test(start_paused = true)]
async fn what_a_call_finds_out_itself_is_not_told_again() {
    let world = World::with(|builder| builder.deadline(Duration::from_secs(60))).await;
    let faults = world.camera.memory.service.faults();
    for command in ["p", "m", "a", "d", "l"] {
        // Executed, and forgotten by the service: the second attempt is executed again, or refused.
        faults.add(Fault::command(command).lose_reply());
    }
    let mega = &world.mega;
    mega.create_dir("/docs/new").await.unwrap();
    mega.move_to("/docs/letter.txt", "/docs/new").await.unwrap();
    mega.rename("/docs/new/letter.txt", "note").await.unwrap();
    mega.link("/docs/new/note").await.unwrap();
    mega.delete("/docs/new").await.unwrap();
    assert_eq!(faults.pending(), 0);
    assert!(mega.pending_changes().is_empty());
    assert!(mega.take_settled_changes().is_empty());
    let [list] = &lists(world.folder.path())[..] else {
        panic!("one list");
    };
    assert_eq!(list.metadata().unwrap().len(), 0, "nothing is under way");
    drop(world.mega);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(lists(world.folder.path()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn pst_6_of_two_programs_in_one_folder_each_has_its_own_list() {
    let world = World::new().await;
    let second = world.next(world.folder.path()).await;
    world.camera.watch("p", Fate::Waits);
    let mut call = Box::pin(world.mega.create_dir("/docs/new").into_future());
    tokio::select! {
        biased;
        _ = &mut call => panic!("the reply waits"),
        () = async { while world.camera.pictures.lock().unwrap().len() < 2 { tokio::task::yield_now().await } } => {}
    }
    second.create_dir("/second").await.unwrap();
    assert_eq!(lists(world.folder.path()).len(), 2);
    // What is in use is nobody else's to settle.
    let third = world.next(world.folder.path()).await;
    assert!(third.take_settled_changes().is_empty() && third.pending_changes().is_empty());
    drop((call, third));
    let World {
        camera,
        folder,
        saved,
        mega,
    } = world;
    drop(mega);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let builder = camera.memory.builder().cache_dir(folder.path());
    let fourth = builder.resume(&saved).await.unwrap();
    let settled = fourth.take_settled_changes();
    assert_eq!(settled.len(), 1, "{settled:?}");
    assert_eq!(settled[0].change().path(), Some("/docs/new"));
    assert_eq!(settled[0].outcome(), ChangeOutcome::Done);
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn dsk_2_a_folder_that_cannot_be_used_hinders_changes_only_where_that_is_asked_for() {
    let blocked = |world: &World| {
        let folder = world.folder.path();
        std::fs::remove_dir_all(folder).unwrap();
        std::fs::write(folder, "in the way").unwrap();
    };
    let world = World::new().await;
    blocked(&world);
    world.mega.create_dir("/docs/new").await.unwrap();

    let world = World::with(|builder| builder.require_intents(true)).await;
    blocked(&world);
    world.changes_sent();
    let error = world.mega.create_dir("/docs/new").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    let place = world.folder.path().to_string_lossy().into_owned();
    assert!(error.to_string().contains(&place), "{error}");
    assert_eq!(world.changes_sent(), [""; 0], "it never left");
    assert!(world.mega.pending_changes().is_empty());
    assert_eq!(
        names(&world.mega, "/docs").await,
        ["a.txt", "b.txt", "c.txt", "d.txt", "letter.txt", "old"]
    );
    std::fs::remove_file(world.folder.path()).unwrap();
    world.mega.create_dir("/docs/new").await.unwrap();
}

/// DSK-1: the disk is full while the change is noted.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn dsk_1_a_full_disk_hinders_changes_only_where_that_is_asked_for() {
    use crate::child::{child_with_blocks, in_child};

    if let Some((url, folder)) = in_child() {
        let builder = || {
            let builder = Client::builder()
                .origin(&*url)
                .verdict_delay(Duration::ZERO);
            builder.cache_dir(folder.join("cache"))
        };
        let login = || Credentials::new(EMAIL, PASSWORD);
        // What is to be noted of them is longer than a file may be.
        let many = |from: u32| (from..from + 40).map(|number| format!("/{number:0>200}"));
        let mega = builder().login(login()).await.unwrap();
        let made = mega.create_dirs(many(0)).await;
        assert!(made.into_iter().all(|(_, made)| made.is_ok()));
        let mega = builder()
            .require_intents(true)
            .login(login())
            .await
            .unwrap();
        for (_, made) in mega.create_dirs(many(100)).await {
            let error = made.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
            assert!(error.to_string().contains(".intents"), "{error}");
        }
        mega.create_dir("/fits").await.unwrap();
        assert_eq!(mega.list("/").await.unwrap().len(), 41);
        return;
    }
    let place = crate::place::Place::new().await;
    let folder = tempfile::tempdir().unwrap();
    let test = "intents::dsk_1_a_full_disk_hinders_changes_only_where_that_is_asked_for";
    let mut child = child_with_blocks(4, &place, test, folder.path());
    // Through pipes: a file that takes the output would be too long as well.
    let output = tokio::task::spawn_blocking(move || child.output()).await;
    let output = output.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
}
