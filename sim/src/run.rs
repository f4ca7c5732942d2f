//! One run: an account, some clients, a network as bad as the seed says.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use mega_client::simulation::Seeded;
use mega_client::{Client, ClientBuilder, Credentials, Error};
use mega_testserver::{Service, TestServer};
use tokio::runtime::{Builder, Handle};

use crate::actor::Actor;
use crate::check;
use crate::defect::Defect;
use crate::disk::Disk;
use crate::history::History;
use crate::rng::Rng;
use crate::shared::{FOLDER, Uploads};
use crate::wire::Wire;

const EMAIL: &str = "me@example.com";
const PASSWORD: &str = "correct horse battery staple";
/// When a run begins, in Unix time.
const EPOCH: u32 = 1_700_000_000;
const ORIGIN: &str = "http://127.0.0.1:9";

/// What came of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Everything that happened, in order.
    pub history: Vec<String>,
    /// What must not be; empty if all is well.
    pub violations: Vec<String>,
}

/// Runs one seed, in virtual time, on the calling thread.
#[must_use]
pub fn run(seed: u64, defect: Option<Defect>) -> Report {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(1)
        .build();
    let (history, violations) = match runtime {
        Ok(runtime) => runtime.block_on(async {
            let _seeded = Seeded::insecure_for_simulation(seed, u64::from(EPOCH));
            let history = History::new();
            let run = AssertUnwindSafe(simulate(seed, defect, history.clone()));
            // Whatever waits for ever waits only in virtual time.
            let limited =
                tokio::time::timeout(Duration::from_secs(365 * 24 * 3600), run.catch_unwind());
            match limited.await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(error))) => history.violation("", format!("no start: {error:?}")),
                Ok(Err(panic)) => {
                    let text = panic
                        .downcast_ref::<String>()
                        .cloned()
                        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                    history.violation("", format!("panic: {}", text.unwrap_or_default()));
                }
                Err(_) => history.violation("", "the run hangs"),
            }
            history.take()
        }),
        Err(error) => (Vec::new(), vec![format!("no runtime: {error}")]),
    };
    Report {
        seed,
        history,
        violations,
    }
}

async fn simulate(seed: u64, defect: Option<Defect>, history: History) -> Result<(), Error> {
    let mut rng = Rng::new(seed);
    let service = TestServer::builder()
        .seed(seed)
        .clock(mega_testserver::Clock::starting_at(i64::from(EPOCH)))
        .in_memory();
    service.set_origin(ORIGIN, ORIGIN);
    // Full keys cost a second processor a while; the others prove the same about everything but the sign-in.
    let full = rng.permille(30);
    let account = service.account(EMAIL, PASSWORD);
    let account = if full {
        account
    } else {
        account.v1().without_keys()
    };
    drop(account.create());
    service.with_model(|model| {
        model.make_folder(EMAIL, FOLDER);
        if rng.permille(300) {
            model.options().gzip = false;
        }
        if rng.permille(300) {
            model.options().events_per_reply = 2;
        }
        if rng.permille(300) {
            model.options().cloud_raid = true;
        }
    });
    let count = rng.between(1, 4);
    let rate = rng.between(10, 300);
    let steps = rng.between(8, 40);
    let forgetful = rng.permille(300);
    let uploads = Uploads::default();
    let kind = if full { "full" } else { "plain" };
    let memory = if forgetful { "forgetful" } else { "good" };
    history.note(
        "",
        format!(
            "{count} clients, {rate} of 1000 requests fail, {steps} steps, a {kind} account, a {memory} service"
        ),
    );
    let mut actors = Vec::new();
    let mut saved = None;
    for number in 0..count {
        service.with_model(|model| model.make_folder(EMAIL, &format!("/c{number}")));
        let wire_seed = Rng::of(seed, &[100, number]).next();
        let wire = Wire::new(
            Arc::clone(&service),
            history.clone(),
            &format!("c{number}"),
            wire_seed,
            rate,
            forgetful,
            defect,
        );
        let wire = Arc::new(wire);
        // Many clients have no use for one, and their runs take less time.
        let disk = rng.permille(400).then(Disk::new).transpose();
        let disk = disk.unwrap_or_else(|error| {
            history.violation("", format!("no temporary folder: {error}"));
            None
        });
        let mut builder = builder(&wire, wire_seed);
        if let Some(disk) = &disk {
            builder = builder.cache_dir(disk.live("cache"));
        }
        wire.calm(true);
        // One password, then the session: what 500 programs should do as well.
        let client = match &saved {
            None => {
                let credentials = Credentials::new(EMAIL, PASSWORD);
                builder.clone().login(credentials).await?
            }
            Some(saved) => builder.clone().resume(saved).await?,
        };
        wire.calm(false);
        let session = client.save()?;
        saved = Some(session.clone());
        actors.push(Actor::new(
            number,
            builder,
            client,
            session,
            wire,
            Rng::of(seed, &[200, number]),
            history.clone(),
            uploads.clone(),
            defect,
            !forgetful,
            disk,
        ));
    }
    futures::future::join_all(actors.iter_mut().map(|actor| actor.work(steps))).await;
    if history.is_sound() {
        at_rest(&history, &service, &mut actors, &uploads).await;
    }
    for actor in &mut actors {
        actor.stop().await;
    }
    drop(actors);
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    let left = Handle::current().metrics().num_alive_tasks();
    if left > 0 {
        history.violation("", format!("{left} tasks are left"));
    }
    Ok(())
}

fn builder(wire: &Arc<Wire>, seed: u64) -> ClientBuilder {
    Client::builder()
        .origin(ORIGIN)
        .transport(Arc::clone(wire) as Arc<dyn mega_client::Transport>)
        .allow_legacy_v1(true)
        .verdict_delay(Duration::ZERO)
        .seed(seed)
}

/// Everybody must agree once nothing is under way.
async fn at_rest(history: &History, service: &Service, actors: &mut [Actor], uploads: &Uploads) {
    history.note("", "at rest");
    for actor in actors.iter_mut() {
        actor.catch_up().await;
        actor.wire.calm(true);
    }
    for actor in actors.iter_mut() {
        // Another one may have brought something to its end meanwhile.
        actor.catch_up().await;
        actor.wire.calm(true);
        actor.compare().await;
    }
    let server = service.with_model(|model| check::on_server(model, EMAIL));
    for actor in actors.iter() {
        check::agrees(history, &actor.name, actor.client(), &server).await;
    }
    service.with_model(|model| {
        for violation in model.violations() {
            history.violation("", format!("the service itself: {violation}"));
        }
        for actor in actors.iter() {
            check::own_folder(history, model, EMAIL, actor);
        }
        check::shared_uploads(history, model, uploads);
    });
}
