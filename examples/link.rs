//! Makes a link and opens it without an account, in any form it was ever written in. Run: `cargo run --example link`.

use std::error::Error;

use mega_client::ErrorKind;
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    mega.write("/link-example/hello.txt", "hello, world")
        .await?;

    let file = mega.link("/link-example/hello.txt").await?;
    println!("link: {}", file.url());
    // Anybody can open it: no account, no password.
    let visitor = place.builder().open_link(file.url()).await?;
    for node in visitor.list("/").await? {
        println!("inside: {} ({} bytes)", node.name(), node.size());
        assert_eq!(visitor.read(&node).await?, "hello, world");
    }

    // As links were written until 2020, on both hosts they had; a folder; a file inside of it.
    let folder = mega.link("/link-example").await?;
    let split = |url: &str| -> Option<(String, String)> {
        let (handle, key) = url.rsplit_once('/')?.1.split_once('#')?;
        Some((handle.to_owned(), key.to_owned()))
    };
    let (f, key) = split(file.url()).ok_or("an odd link")?;
    let (d, share_key) = split(folder.url()).ok_or("an odd link")?;
    let inside = mega.stat("/link-example/hello.txt").await?.handle();
    for link in [
        format!("https://mega.nz/#!{f}!{key}"),
        format!("https://mega.co.nz/#!{f}!{key}"),
        format!("https://mega.nz/#F!{d}!{share_key}"),
        format!("https://mega.nz/#F!{d}!{share_key}!{inside}"),
        format!("{}/file/{inside}", folder.url()),
    ] {
        let visitor = place.builder().open_link(&link).await?;
        assert_eq!(visitor.read("/hello.txt").await?, "hello, world");
        println!("opened {}...", &link[..20]);
    }

    // The same behind a password: nothing is asked of the service until the password fits.
    let guarded = file.with_password("open sesame")?;
    let open = |word| place.builder().open_link(&guarded).password(word);
    let wrong = open("open barley").await.err().ok_or("it was opened")?;
    assert_eq!(wrong.kind(), ErrorKind::Key);
    let again = open("open sesame").await?;
    println!("behind a password: {}", again.list("/").await?.len());

    mega.remove_link("/link-example/hello.txt").await?;
    assert!(place.builder().open_link(file.url()).await.is_err());
    mega.delete("/link-example").await?;
    mega.sign_out().await?;
    Ok(())
}
