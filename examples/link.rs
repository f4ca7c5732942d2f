//! Makes a link and opens it without an account. Run: `cargo run --example link`.

use std::error::Error;

use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    mega.write("/public/hello.txt", "hello, world").await?;

    let link = mega.link("/public/hello.txt").await?;
    println!("link: {}", link.url());

    // Anybody can open it: no account, no password.
    let visitor = place.builder().open_link(link.url()).await?;
    for node in visitor.list("/").await? {
        println!("inside: {} ({} bytes)", node.name(), node.size());
        println!(
            "content: {}",
            String::from_utf8_lossy(&visitor.read(&node).await?)
        );
    }

    // The same behind a password: nothing is asked of the service until the password fits.
    let guarded = link.with_password("open sesame")?;
    let again = place
        .builder()
        .open_link(&guarded)
        .password("open sesame")
        .await?;
    println!("behind a password: {} node", again.list("/").await?.len());

    mega.remove_link("/public/hello.txt").await?;
    mega.sign_out().await?;
    Ok(())
}
