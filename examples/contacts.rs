//! Contacts: invited, taken back, declined, accepted, and whether the key is really theirs. Run: `cargo run --example contacts`.

use std::error::Error;

use mega_client::ErrorKind;
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

    // Thought better of, before they have answered.
    mega.invite(FRIEND).await?;
    println!("waiting: {}", mega.sent_invitations().len());
    mega.withdraw_invitation(FRIEND).await?;
    friend.refresh().await?;
    assert!(friend.invitations().is_empty());

    // They would rather not.
    mega.invite(FRIEND).await?;
    friend.refresh().await?;
    for invitation in friend.invitations() {
        println!("from {}", invitation.email.as_deref().unwrap_or("?"));
        friend.decline_invitation(invitation.handle).await?;
    }
    mega.refresh().await?;
    assert!(mega.contacts().is_empty() && mega.sent_invitations().is_empty());

    // They would.
    mega.invite(FRIEND).await?;
    friend.refresh().await?;
    for invitation in friend.invitations() {
        friend.accept_invitation(invitation.handle).await?;
    }
    mega.refresh().await?;
    println!("contacts: {}", mega.contacts().len());

    // Over the telephone: is it really your key?
    let seen = mega.contact_fingerprint(FRIEND).await?;
    println!("the key of the contact: {seen}");
    let wrong = mega.confirm_contact(FRIEND, "0000 0000").await.err();
    let wrong = wrong.ok_or("it was confirmed")?;
    println!("{wrong}");
    assert_eq!(wrong.kind(), ErrorKind::Key);
    mega.confirm_contact(FRIEND, seen).await?;

    mega.remove_contact(FRIEND).await?;
    assert!(mega.contacts().is_empty());
    mega.sign_out().await?;
    friend.sign_out().await?;
    Ok(())
}
