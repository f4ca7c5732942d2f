//! Hundreds of links in one session, each with a result; links that end; an import. Run: `cargo run --example links`.

use std::error::Error;
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use mega_client::Progress;
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    let paths: Vec<String> = (0..300).map(|n| format!("/pages/{n}.txt")).collect();
    let writes = paths.iter().map(|path| mega.write(path, path.clone()));
    let writes = futures::stream::iter(writes).map(IntoFuture::into_future);
    let mut writes = writes.buffer_unordered(50);
    while let Some(written) = writes.next().await {
        written?;
    }

    // All of them together, in a few requests; each as soon as it is there.
    let progress = Progress::new();
    let mut links = Box::pin(mega.link_all(&paths).progress(&progress).stream());
    while let Some((target, link)) = links.next().await {
        match link {
            Ok(link) if progress.items_done().is_multiple_of(100) => {
                println!("{target} {}", link.url());
            }
            Ok(_) => {}
            Err(error) => println!("{target}: {error}"),
        }
    }
    println!("{} nodes have a link", mega.links().len());
    assert_eq!(mega.links().len(), 300);
    let removed = mega.remove_links(&paths).await.into_result()?;
    assert!(removed.len() == 300 && mega.links().is_empty());

    // One that ends by itself (a paid account is needed).
    let tomorrow = SystemTime::now() + Duration::from_secs(24 * 3600);
    let ending = mega.link("/pages/1.txt").expires(tomorrow).await?;
    println!("it ends: {}", ending.expires().is_some());

    // Some of a folder into an account, copied by the service; here it is the same account.
    let folder = mega.link("/pages").await?;
    let opened = place.builder().open_link(folder.url()).await?;
    let import = mega.import(&opened, "/").only("/7.txt").rename("seven.txt");
    println!("imported: {}", import.await?.node().name());
    assert_eq!(mega.read("/seven.txt").await?, "/pages/7.txt");

    let rest = mega.delete_all(["/pages", "/seven.txt"]).await;
    rest.into_result()?;
    mega.sign_out().await?;
    Ok(())
}
