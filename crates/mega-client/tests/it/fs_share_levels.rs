//! Shares with several people, and levels that change.

use mega_client::{AccessLevel, Client, ErrorKind, Node};

use crate::fs_world::World;
use crate::place::names;

async fn befriend(world: &World, email: &str) -> Client {
    let friend = world.person(email).await;
    world.mega.invite(email).await.unwrap();
    friend.refresh().await.unwrap();
    let invitation = friend.invitations().remove(0);
    friend.accept_invitation(invitation.handle).await.unwrap();
    world.mega.refresh().await.unwrap();
    friend
}

async fn received(friend: &Client) -> Node {
    friend.refresh().await.unwrap();
    let exchanged = friend.exchange_share_keys().await.unwrap();
    assert!(exchanged.failed.is_empty(), "{exchanged:?}");
    friend.incoming_shares().remove(0)
}

#[tokio::test]
async fn a_third_person_reads_what_the_second_has_written_into_a_share() {
    let world = World::new().await;
    let ann = befriend(&world, "ann@example.com").await;
    let bob = befriend(&world, "bob@example.com").await;
    world.file("/common/plan.txt", "meet at nine").await;
    let share = world.mega.share("/common", "ann@example.com");
    share.access(AccessLevel::ReadWrite).await.unwrap();
    world
        .mega
        .share("/common", "bob@example.com")
        .await
        .unwrap();
    let (hers, his) = (received(&ann).await, received(&bob).await);
    let (hers, his) = (ann.view(&hers).unwrap(), bob.view(&his).unwrap());

    hers.write("/deep/er/answer.txt", "fine").await.unwrap();
    hers.copy("/plan.txt", "/deep").await.unwrap();
    bob.refresh().await.unwrap();
    assert_eq!(his.read("/deep/er/answer.txt").await.unwrap(), "fine");
    assert_eq!(his.read("/deep/plan.txt").await.unwrap(), "meet at nine");
    let all = his.list("/").recursive().await.unwrap();
    assert!(all.iter().all(|node| node.trouble().is_none()), "{all:?}");
    assert_eq!(all.len(), 5);

    // Somebody who comes later reads it, too, and so does a client of theirs that has just signed in.
    let cleo = befriend(&world, "cleo@example.com").await;
    world
        .mega
        .share("/common", "cleo@example.com")
        .await
        .unwrap();
    let folder = received(&cleo).await;
    let theirs = cleo.view(&folder).unwrap();
    assert_eq!(theirs.read("/deep/er/answer.txt").await.unwrap(), "fine");
    let login = mega_client::Credentials::new("cleo@example.com", crate::place::PASSWORD);
    let fresh = world.place.builder().login(login).await.unwrap();
    let folder = fresh.incoming_shares().remove(0);
    let fresh = fresh.view(&folder).unwrap();
    assert_eq!(fresh.read("/deep/er/answer.txt").await.unwrap(), "fine");
    // A person who is shown out reads nothing any more; the others do.
    world
        .mega
        .unshare("/common", "bob@example.com")
        .await
        .unwrap();
    bob.refresh().await.unwrap();
    assert!(bob.incoming_shares().is_empty());
    assert_eq!(
        his.read("/plan.txt").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    hers.write("/after.txt", "still here").await.unwrap();
    cleo.refresh().await.unwrap();
    assert_eq!(theirs.read("/after.txt").await.unwrap(), "still here");
}

#[tokio::test]
async fn mv_11_a_level_that_is_lowered_is_enforced_here_and_by_the_service() {
    let world = World::new().await;
    let mega = &world.mega;
    let ann = befriend(&world, "ann@example.com").await;
    world.file("/common/a.txt", "a").await;
    let share = |level| mega.share("/common", "ann@example.com").access(level);
    share(AccessLevel::Full).await.unwrap();
    let folder = received(&ann).await;
    let inside = ann.view(&folder).unwrap();
    inside.rename("/a.txt", "b.txt").await.unwrap();

    // From full to writing: adding goes, changing does not.
    share(AccessLevel::ReadWrite).await.unwrap();
    // Their client does not know yet; the service does.
    let error = inside.rename("/b.txt", "c.txt").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
    ann.refresh().await.unwrap();
    assert_eq!(
        ann.incoming_shares()[0].incoming_share().unwrap().1,
        AccessLevel::ReadWrite
    );
    let (error, sent) = world.batches(inside.rename("/b.txt", "c.txt")).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::AccessDenied);
    assert!(
        !sent.iter().flatten().any(|command| command == "a"),
        "{sent:?}"
    );
    inside.write("/new.txt", "new").await.unwrap();

    // From writing to reading: nothing goes, and all is still read.
    share(AccessLevel::Read).await.unwrap();
    let error = inside.create_dir("/early").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
    ann.refresh().await.unwrap();
    for error in [
        inside.create_dir("/x").await.unwrap_err(),
        inside.write("/x.txt", "x").await.unwrap_err(),
        inside.rename("/new.txt", "x").await.unwrap_err(),
        inside.delete("/new.txt").await.unwrap_err(),
        inside.copy("/new.txt", "/").rename("x").await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error}");
    }
    assert_eq!(inside.read("/new.txt").await.unwrap(), "new");
    mega.refresh().await.unwrap();
    assert_eq!(names(mega, "/common").await, ["b.txt", "new.txt"]);
    // And up again.
    share(AccessLevel::Full).await.unwrap();
    ann.refresh().await.unwrap();
    inside.rename("/new.txt", "newer.txt").await.unwrap();
    mega.refresh().await.unwrap();
    assert_eq!(names(mega, "/common").await, ["b.txt", "newer.txt"]);
}

#[tokio::test]
async fn contacts_get_the_keys_of_nodes_that_a_program_without_shares_has_made() {
    let world = World::new().await;
    let mega = &world.mega;
    let ann = befriend(&world, "ann@example.com").await;
    let bob = befriend(&world, "bob@example.com").await;
    world.folder("/common/deep").await;
    mega.share("/common", "ann@example.com").await.unwrap();
    mega.share("/common", "bob@example.com").await.unwrap();
    received(&ann).await;
    received(&bob).await;
    // Put there with the owner's key only.
    world.file("/common/deep/new.txt", "new").await;
    let unread = async || {
        let mut unread = Vec::new();
        for email in ["ann@example.com", "bob@example.com"] {
            let login = mega_client::Credentials::new(email, crate::place::PASSWORD);
            let fresh = world.place.builder().login(login).await.unwrap();
            let folder = fresh.incoming_shares().remove(0);
            let inside = fresh.view(&folder).unwrap();
            let all = inside.list("/").recursive().await.unwrap();
            assert_eq!(all.len(), 2);
            let troubled = inside.search("/").troubled().await.unwrap().len();
            if troubled == 0 {
                assert_eq!(inside.read("/deep/new.txt").await.unwrap(), "new");
            }
            unread.push(troubled);
        }
        unread
    };
    assert_eq!(unread().await, [1, 1], "nobody else can read it");
    let (supplied, unreadable) = mega.repair_keys("/common").await.unwrap();
    assert_eq!((supplied, unreadable.len()), (3, 0));
    assert_eq!(unread().await, [0, 0]);
}
