//! Contacts, a shared folder, a writable link, an import. Run: `cargo run --example share`.

use std::error::Error;

use mega_client::AccessLevel;
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
    for invitation in friend.invitations() {
        friend.accept_invitation(invitation.handle).await?;
    }
    mega.refresh().await?;
    // Over the telephone: is it really your key?
    let told = mega.contact_fingerprint(FRIEND).await?;
    mega.confirm_contact(FRIEND, told).await?;

    mega.write("/common/plan.txt", "meet at nine").await?;
    let share = mega.share("/common", FRIEND);
    share.access(AccessLevel::ReadWrite).await?;
    friend.refresh().await?;
    friend.exchange_share_keys().await?;
    for folder in friend.incoming_shares() {
        let inside = friend.view(&folder)?;
        println!("the friend reads {:?}", inside.read("/plan.txt").await?);
        inside.write("/answer.txt", "fine").await?;
    }
    mega.refresh().await?;
    println!("answer: {:?}", mega.read("/common/answer.txt").await?);
    // Less is allowed from now on; they leave, or are shown out; and are no contact any more.
    let share = mega.share("/common", FRIEND);
    share.access(AccessLevel::Read).await?;
    friend.refresh().await?;
    for folder in friend.incoming_shares() {
        println!(
            "the friend may {:?} there",
            folder.incoming_share().map(|share| share.1)
        );
        friend.delete(&folder).await?; // leaves it
    }
    mega.refresh().await?;
    println!("{} shares are left", mega.shares().len());
    mega.share("/common", FRIEND).await?;
    mega.unshare("/common", FRIEND).await?;
    mega.remove_contact(FRIEND).await?;

    // A letter box: whoever has the link may add, and change nothing.
    mega.create_dir("/letters").await?;
    let link = mega.link("/letters").writable().await?;
    let visitor = place.builder().open_link(link.url()).await?;
    visitor.write("/letter.txt", "from nobody").await?;
    friend.import(&visitor, "/").await?;
    println!("imported: {}", friend.exists("/letters/letter.txt").await?);
    for linked in mega.links() {
        println!("linked: {}", linked.node().name());
    }

    mega.sign_out().await?;
    friend.sign_out().await?;
    Ok(())
}
