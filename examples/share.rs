//! A folder shared with another person, with more and with less rights. Run: `cargo run --example share`.

use std::error::Error;

use mega_client::{AccessLevel, ErrorKind};
use mega_examples::Place;

const FRIEND: &str = "friend@example.com";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let Some(friend) = place.somebody_else().await? else {
        println!("a second person lives on the embedded server only");
        return Ok(());
    };
    let mega = place.sign_in().await?;
    mega.invite(FRIEND).await?;
    friend.refresh().await?;
    let invitation = friend.invitations().pop().ok_or("no invitation came")?;
    friend.accept_invitation(invitation.handle).await?;
    mega.refresh().await?;

    mega.write("/common/plan.txt", "meet at nine").await?;
    let share = mega.share("/common", FRIEND);
    share.access(AccessLevel::ReadWrite).await?;
    friend.refresh().await?;
    friend.exchange_share_keys().await?;
    let folder = friend.incoming_shares().pop().ok_or("no share came")?;
    let inside = friend.view(&folder)?;
    println!("the friend reads {:?}", inside.read("/plan.txt").await?);
    inside.write("/answer.txt", "fine").await?;
    mega.refresh().await?;
    println!("answer: {:?}", mega.read("/common/answer.txt").await?);

    // Less is allowed from now on.
    let share = mega.share("/common", FRIEND);
    share.access(AccessLevel::Read).await?;
    friend.refresh().await?;
    let refused = inside.write("/more.txt", "and then?").await.err();
    let refused = refused.ok_or("it was written")?;
    println!("{refused}: {}", refused.remedy());
    assert_eq!(refused.kind(), ErrorKind::AccessDenied);

    // They leave, or are shown out.
    friend.delete(&folder).await?;
    mega.refresh().await?;
    assert!(mega.shares().is_empty());
    mega.share("/common", FRIEND).await?;
    mega.unshare("/common", FRIEND).await?;
    friend.refresh().await?;
    assert!(friend.incoming_shares().is_empty());

    mega.delete("/common").await?;
    mega.remove_contact(FRIEND).await?;
    mega.sign_out().await?;
    friend.sign_out().await?;
    Ok(())
}
