//! A folder into which whoever has the link may put something, and no more. Run: `cargo run --example letterbox`.

use std::error::Error;

use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    mega.create_dir("/letters").await?;
    let link = mega.link("/letters").writable().await?;
    assert!(link.is_writable());

    // No account is needed for it; nothing that is there can be changed.
    let visitor = place.builder().open_link(link.url()).await?;
    visitor.write("/letter.txt", "from nobody").await?;
    let refused = visitor.delete("/letter.txt").await.err();
    println!("{}", refused.ok_or("it was deleted")?);
    mega.refresh().await?;
    println!("a letter: {:?}", mega.read("/letters/letter.txt").await?);

    // Whoever has an account can take a copy, which the service makes: nothing is sent.
    if let Some(friend) = place.somebody_else().await? {
        friend.import(&visitor, "/").await?;
        assert_eq!(friend.read("/letters/letter.txt").await?, "from nobody");
        println!("imported: {}", friend.exists("/letters/letter.txt").await?);
        friend.sign_out().await?;
    }
    for linked in mega.links() {
        println!("linked: {}", linked.node().name());
    }

    mega.remove_link("/letters").await?;
    assert!(place.builder().open_link(link.url()).await.is_err());
    mega.delete("/letters").await?;
    mega.sign_out().await?;
    Ok(())
}
