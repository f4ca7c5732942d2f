//! Running a cell: every way in which its fault shows, at every request or poll where it can.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt;
use mega_client::{Error, ErrorKind};
use mega_testserver::Lane;
use tokio::runtime::{Builder, Handle};

use super::expected::{Kind, Outcome, allows, expected};
use super::fault::{Case, Class, How};
use super::operation::{Effect, Operation};
use super::wire::{Plan, Wire};
use super::world::{World, builder, leftovers, shown_by_client, shown_by_server, torn};

/// What came of the runs of a cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    /// Of trouble that passes, and of trouble that stays.
    pub(crate) seen: [BTreeSet<Outcome>; 2],
    pub(crate) runs: usize,
    pub(crate) violations: Vec<String>,
}

/// Where in an operation something happens.
#[derive(Clone, Copy, Debug)]
enum Place {
    Request(usize),
    Poll(usize),
    Beforehand,
}

/// All runs of a cell; `None` for one that cannot be.
pub(crate) fn cell(class: Class, operation: Operation) -> Option<Cell> {
    if expected(class, operation) == "-" {
        return None;
    }
    let mut cell = Cell::default();
    for case in class.cases(operation) {
        let mut hits = 0;
        let requests = match &case.how {
            How::Requests(lanes, _) => {
                let made = clean(operation).iter();
                made.filter(|lane| lanes.contains(lane)).count()
            }
            _ => 0,
        };
        for number in 0.. {
            let place = match case.how {
                // Before there is a session none can be killed.
                How::Requests(..)
                    if class == Class::Killed && operation == Operation::Login && number == 0 =>
                {
                    continue;
                }
                How::Requests(..) if number >= requests => break,
                // What stays hits all that follows: from the first on, and at the end, where it has happened already.
                How::Requests(..) if case.stays && number > 0 && number + 1 < requests => continue,
                // Many requests alike.
                How::Requests(..)
                    if operation == Operation::Recursive
                        && number % 5 > 0
                        && number + 1 < requests =>
                {
                    continue;
                }
                How::Requests(..) => Place::Request(number),
                How::Polls { .. } => Place::Poll(number),
                _ if number > 0 => break,
                _ => Place::Beforehand,
            };
            let ran = in_virtual_time(run(class, operation, &case, place));
            cell.runs += 1;
            match ran {
                // Later than its end an operation cannot be dropped.
                Ok((Outcome::Done, _)) if matches!(place, Place::Poll(_)) => {
                    hits += number;
                    break;
                }
                Ok((outcome, hit)) => {
                    hits += usize::from(hit);
                    if hit {
                        cell.seen[usize::from(case.stays)].insert(outcome);
                    }
                    let late = !matches!(place, Place::Request(0));
                    if hit && !allows(class, operation, case.stays, late, outcome) {
                        cell.violations.push(format!(
                            "{} {place:?}: {outcome:?} instead of {}{}",
                            case.name,
                            expected(class, operation),
                            if case.stays { ", it stays" } else { "" }
                        ));
                    }
                }
                Err(violation) => {
                    hits += 1;
                    cell.violations
                        .push(format!("{} {place:?}: {violation}", case.name));
                    if cell.violations.len() > 5 {
                        break;
                    }
                }
            }
        }
        if hits == 0 {
            cell.violations.push(format!("{} never happens", case.name));
        }
    }
    Some(cell)
}

/// The lanes of the requests that an operation makes when nothing goes wrong.
fn clean(operation: Operation) -> &'static [Lane] {
    static CLEAN: [OnceLock<Vec<Lane>>; 14] = [const { OnceLock::new() }; 14];
    CLEAN[operation as usize].get_or_init(|| {
        let run = async move {
            let world = World::new(None).await;
            operation.prepare(&world);
            world.wire.arm(None);
            let result = operation.start(&world).await;
            let lanes = world.wire.lanes();
            result.map_err(|error| format!("{error:?}"))?;
            match operation.effect(&world).await {
                Effect::Once => Ok(lanes),
                effect => Err(format!("{effect:?}")),
            }
        };
        in_virtual_time(run).unwrap_or_else(|error| panic!("{operation:?} at peace: {error}"))
    })
}

fn in_virtual_time<T>(run: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let run = tokio::time::timeout(
            Duration::from_secs(365 * 24 * 3600),
            AssertUnwindSafe(run).catch_unwind(),
        );
        let ran = match run.await {
            Ok(Ok(ran)) => ran?,
            Ok(Err(panic)) => {
                let text = panic.downcast_ref::<String>().cloned();
                let word = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                return Err(format!("panic: {}", text.or(word).unwrap_or_default()));
            }
            Err(_) => return Err("it hangs".to_owned()),
        };
        // Everybody is gone; what still runs was left behind.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        match Handle::current().metrics().num_alive_tasks() {
            0 => Ok(ran),
            left => Err(format!("{left} tasks are left")),
        }
    })
}

async fn run(
    class: Class,
    operation: Operation,
    case: &Case,
    place: Place,
) -> Result<(Outcome, bool), String> {
    let account = match case.how {
        How::Account(change) => Some(change),
        _ => None,
    };
    let mut world = World::new(account).await;
    if let How::Kept { change, open } = case.how {
        world.begin_with_kept(operation, change, open).await?;
    }
    operation.prepare(&world);
    let plan = match (&case.how, place) {
        (How::Requests(lanes, trouble), Place::Request(first)) => Some(Plan {
            lanes,
            first,
            times: if case.stays { usize::MAX } else { 1 },
            trouble: trouble(&world),
        }),
        _ => None,
    };
    if let How::Before(change) = &case.how {
        world.hostile = matches!(class, Class::Hostile | Class::Length);
        change(&world);
    }
    let planned = plan.is_some();
    world.wire.arm(plan);
    let work = operation.start(&world);
    let result = match place {
        Place::Poll(polls) => after_polls(polls, work).await,
        _ => Some(work.await),
    };
    if result.is_none() && matches!(case.how, How::Polls { crash: true }) {
        // Nothing of this process does anything any more.
        world.wire.die();
        world.opened.lock().unwrap().take();
        world.wire = Wire::new(Arc::clone(&world.service));
        world.mega = builder(&world.wire)
            .resume(&world.saved)
            .await
            .map_err(|error| format!("does not come back: {error:?}"))?;
    }
    let hit = world.wire.disarm() > 0 || !planned;
    let effect_matters = case.name != "takes it away";
    let outcome = judge(class, operation, &mut world, result, effect_matters).await?;
    if expected(class, operation) == "resumable" && outcome != Outcome::Done {
        let again = operation.start(&world).await;
        again.map_err(|error| format!("cannot be done once more: {error:?}"))?;
        match operation.effect(&world).await {
            Effect::Once => {}
            effect => return Err(format!("once more leads to {effect:?}")),
        }
    }
    sound(class, operation, &world).await?;
    Ok((outcome, hit))
}

/// What the caller was told must be what has happened.
async fn judge(
    class: Class,
    operation: Operation,
    world: &mut World,
    result: Option<Result<(), Error>>,
    effect_matters: bool,
) -> Result<Outcome, String> {
    let told = match &result {
        Some(Err(error)) => Some(Kind(error.kind())),
        _ => None,
    };
    // Own effects are visible when the call returns, without another look at the service.
    let seen = match (&result, operation) {
        (Some(Ok(())), Operation::Mkdir) => world.mega.exists("/made").await.unwrap_or(false),
        (Some(Ok(())), Operation::Upload) => world.mega.exists("/new").await.unwrap_or(false),
        (Some(Ok(())), Operation::Move) if effect_matters => {
            world.mega.exists("/dir/moved").await.unwrap_or(false)
        }
        _ => true,
    };
    if !seen {
        return Err("the own effect is not seen when the call returns".to_owned());
    }
    world.recover(class == Class::Killed).await;
    let mut effect = operation.effect(world).await;
    if let Effect::Wrong(what) = &effect {
        // A part of a file cannot be verified; its type says so.
        let flagged = class == Class::WrongBytes && operation == Operation::Range;
        if !flagged && effect_matters {
            return Err(what.clone());
        }
        effect = Effect::Once;
    }
    let looks = matches!(operation, Operation::LoadTree | Operation::Events);
    if looks && effect != Effect::Once {
        return Err("the news is not there, with nothing in the way".to_owned());
    }
    Ok(match (result, told, effect) {
        (Some(Ok(())), ..) if !effect_matters => Outcome::Done,
        (Some(Ok(())), _, Effect::Once) => Outcome::Done,
        (Some(Ok(())), _, effect) => return Err(format!("reported as done: {effect:?}")),
        (None, _, effect) => Outcome::Gone(effect == Effect::Once && !looks),
        (_, Some(Kind(ErrorKind::OutcomeUnknown)), effect) => {
            Outcome::Unknown(effect == Effect::Once)
        }
        (_, Some(kind), Effect::None) => Outcome::Failed(kind),
        (_, Some(kind), _) if looks || !effect_matters => Outcome::Failed(kind),
        (_, Some(kind), Effect::Part) if operation == Operation::Recursive => {
            Outcome::FailedInPart(kind)
        }
        (Some(Err(error)), _, effect) => {
            return Err(format!("reported as failed: {effect:?}, {error:?}"));
        }
    })
}

/// What must hold whatever has happened.
async fn sound(class: Class, operation: Operation, world: &World) -> Result<(), String> {
    let made = world.mega.create_dir("/after").await;
    made.map_err(|error| format!("the client is of no use afterwards: {error:?}"))?;
    let kept = world.mega.read(world.kept).await;
    let kept = kept.map_err(|error| format!("nothing can be read afterwards: {error:?}"))?;
    if kept.len() != 1000 {
        return Err("another content is read afterwards".to_owned());
    }
    // A sign-in costs a derivation, and shows nothing that this does not.
    let saved = world.mega.save().map_err(|error| format!("{error:?}"))?;
    let fresh = builder(&world.wire).resume(&saved).await;
    let fresh = fresh.map_err(|error| format!("nobody can resume afterwards: {error:?}"))?;
    let server = shown_by_server(world);
    for (who, mega) in [("the client", &world.mega), ("a fresh client", &fresh)] {
        let shown = shown_by_client(world, mega).await;
        if shown != server {
            return Err(format!("{who} shows {shown:?}, the service has {server:?}"));
        }
    }
    let violations = world.model(|model| model.violations());
    if !violations.is_empty() {
        return Err(format!("the service itself: {violations:?}"));
    }
    let torn = world.model(|model| torn(model, &[world.file, world.kept]));
    if torn > usize::from(world.hostile) {
        return Err(format!("{torn} files cannot be decrypted"));
    }
    let parts = leftovers(&world.local(""));
    if class != Class::Tampered && !parts.is_empty() {
        return Err(format!("left behind: {parts:?}"));
    }
    let out = world.out();
    if class != Class::Tampered && operation != Operation::Download && !out.is_empty() {
        return Err(format!("nobody asked for {out:?}"));
    }
    Ok(())
}

/// Gives the result of a future, or `None` when it was not ready after so many polls; it is dropped then.
async fn after_polls<T>(
    polls: usize,
    future: Pin<Box<dyn Future<Output = T> + Send>>,
) -> Option<T> {
    let (mut future, mut left) = (Some(future), polls);
    std::future::poll_fn(|context| {
        if left == 0 {
            future = None;
        }
        left = left.saturating_sub(1);
        match &mut future {
            None => std::task::Poll::Ready(None),
            Some(future) => future.as_mut().poll(context).map(Some),
        }
    })
    .await
}
