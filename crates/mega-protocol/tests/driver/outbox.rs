//! Who keeps book of changes hears of each before it leaves, and of its end before anybody else.

use std::sync::{Arc, Mutex};

use mega_protocol::commands::{DeleteNode, FetchUserData};
use mega_protocol::transport::{TransportError, TransportErrorKind};
use mega_protocol::{
    Api, BoxFuture, ChangeOutcome, EndedChange, Error, ErrorKind, LeavingBatch, NodeHandle, Outbox,
    RequestId,
};
use tokio::sync::Semaphore;

use crate::support::{Scripted, scripted};

fn delete() -> DeleteNode {
    DeleteNode::new(NodeHandle::from_bytes([1; 6]))
}

fn reset() -> TransportError {
    TransportError::new(TransportErrorKind::Reset)
}

type Refused = Arc<dyn std::error::Error + Send + Sync>;

/// What was told, in order, and how many requests had been on the wire by then.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Leaving(RequestId, String, Vec<usize>),
    Ended(RequestId, Vec<EndedChange>),
}

struct Book {
    transport: Scripted,
    told: Mutex<Vec<(usize, Told)>>,
    /// One permit for each batch that may leave.
    may_leave: Semaphore,
    refuses: bool,
}

impl Outbox for Book {
    fn leaving(&self, batch: LeavingBatch) -> BoxFuture<'_, Result<(), Refused>> {
        let body = String::from_utf8(batch.body.to_vec()).unwrap();
        let told = Told::Leaving(batch.request, body, batch.changes);
        self.tell(told);
        Box::pin(async move {
            self.may_leave.acquire().await.unwrap().forget();
            match self.refuses {
                true => Err(Arc::from(Box::from("the disk is full")) as Refused),
                false => Ok(()),
            }
        })
    }

    fn ended(&self, request: RequestId, changes: &[EndedChange]) {
        self.tell(Told::Ended(request, changes.to_vec()));
    }
}

impl Book {
    fn tell(&self, told: Told) {
        let sent = self.transport.count();
        self.told.lock().unwrap().push((sent, told));
    }

    fn take(&self) -> Vec<(usize, Told)> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

fn booked(refuses: bool, permits: usize) -> (Api, Scripted, Arc<Book>) {
    let (api, transport, _requests) = scripted();
    let book = Arc::new(Book {
        transport: transport.clone(),
        told: Mutex::default(),
        may_leave: Semaphore::new(permits),
        refuses,
    });
    api.set_outbox(Arc::clone(&book) as Arc<dyn Outbox>);
    (api, transport, book)
}

fn outcomes(told: &Told) -> Vec<(usize, ChangeOutcome, bool)> {
    match told {
        Told::Ended(_, changes) => changes
            .iter()
            .map(|change| (change.position, change.outcome, change.given_up))
            .collect(),
        Told::Leaving(..) => panic!("it was still leaving"),
    }
}

#[tokio::test(start_paused = true)]
async fn pst_5_a_batch_with_a_change_leaves_only_after_it_was_noted() {
    let (api, transport, book) = booked(false, 0);
    transport.reply(200, "[{},\"1\",-9]");
    let question = api.submit(FetchUserData::new()).unwrap();
    let done = api.submit(delete()).unwrap();
    let refused = api.submit(delete()).unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(transport.count(), 0, "it waits to be noted");
    let told = book.take();
    let [(0, Told::Leaving(id, body, changes))] = &told[..] else {
        panic!("{told:?}");
    };
    assert!(body.starts_with("[{\"a\":\"ug\"") && body.matches("\"a\":\"d\"").count() == 2);
    assert_eq!(changes, &[1, 2], "the question is no change");

    book.may_leave.add_permits(1);
    question.await.unwrap();
    done.await.unwrap();
    let Err(Error::Refused(refusal)) = refused.await else {
        panic!("the service refused it");
    };
    let sent = refusal.sent.unwrap();
    assert_eq!((sent.request, sent.position), (*id, 2));
    let told = book.take();
    let [(1, ended)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(
        outcomes(ended),
        [
            (1, ChangeOutcome::Done, false),
            (2, ChangeOutcome::NotDone, false)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn questions_are_not_noted() {
    let (api, transport, book) = booked(false, 0);
    transport.reply(200, "[{}]");
    api.send(FetchUserData::new()).await.unwrap();
    assert_eq!(book.take(), []);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_be_noted_never_leaves() {
    let (api, transport, book) = booked(true, 1);
    let error = api.send(delete()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotNoted);
    assert!(!error.is_outcome_unknown() && !error.is_retryable());
    assert_eq!(transport.count(), 0);
    let told = book.take();
    assert_eq!(
        outcomes(&told.last().unwrap().1),
        [(0, ChangeOutcome::NotDone, false)]
    );
    // The lane works on.
    transport.reply(200, "[{}]");
    api.send(FetchUserData::new()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_attempts_of_a_batch_are_noted_once_and_a_refused_repetition_is_unknown() {
    let (api, transport, book) = booked(false, 1);
    transport.then(|_| Box::pin(async { Err(reset()) }));
    transport.reply(503, "");
    transport.reply(200, "[-9]");
    let error = api.send(delete()).await.unwrap_err();
    let Error::Refused(refusal) = error else {
        panic!("{error}");
    };
    assert!(refusal.repeated);
    let told = book.take();
    let [(0, Told::Leaving(id, ..)), (3, ended)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(refusal.sent.unwrap().request, *id);
    assert_eq!(outcomes(ended), [(0, ChangeOutcome::Unknown, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_was_not_executed_and_goes_into_another_one_is_noted_again() {
    let (api, transport, book) = booked(false, 2);
    transport.reply(200, "[-3]");
    transport.reply(200, "[\"1\"]");
    api.send(delete()).await.unwrap();
    let told = book.take();
    let [
        (0, Told::Leaving(first, ..)),
        (1, not_done),
        (1, Told::Leaving(second, ..)),
        (2, done),
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_ne!(first, second);
    assert_eq!(outcomes(not_done), [(0, ChangeOutcome::NotDone, false)]);
    assert_eq!(outcomes(done), [(0, ChangeOutcome::Done, false)]);
}

#[tokio::test(start_paused = true)]
async fn can_2_the_end_of_a_change_that_was_given_up_is_told_as_such_before_anybody_who_waits_for_it_goes_on()
 {
    // Whoever comes while the answer is on its way through finds it at each of its stations.
    for turns in 0..40 {
        let (api, transport, book) = booked(false, 1);
        let (answer, answered) = tokio::sync::oneshot::channel::<()>();
        transport.then(|_| {
            Box::pin(async move {
                answered.await.unwrap();
                let body = mega_protocol::Body::from_bytes("[\"1\"]");
                Ok(mega_protocol::HttpResponse::new(
                    200,
                    Default::default(),
                    body,
                ))
            })
        });
        let change = api.submit(delete()).unwrap();
        while transport.count() == 0 {
            tokio::task::yield_now().await;
        }
        drop(change);
        answer.send(()).unwrap();
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        api.orphans_settled().await;
        let told = book.take();
        let Some((_, ended @ Told::Ended(..))) = told.last() else {
            panic!("after {turns} turns: {told:?}");
        };
        assert_eq!(outcomes(ended), [(0, ChangeOutcome::Done, true)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_driver_goes_away_is_told_to_be_unknown() {
    let (api, transport, book) = booked(false, 1);
    transport.hang();
    let change = api.submit(delete()).unwrap();
    while transport.count() == 0 {
        tokio::task::yield_now().await;
    }
    drop((change, api));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let told = book.take();
    assert_eq!(
        outcomes(&told.last().unwrap().1),
        [(0, ChangeOutcome::Unknown, true)]
    );
}
