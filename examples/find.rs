//! Finds nodes by name, size, time and marks, and does the same to all of them. Run: `cargo run --example find`.

use std::error::Error;
use std::time::{Duration, SystemTime};

use futures::TryStreamExt;
use mega_client::{Label, Node};
use mega_examples::Place;

fn names(nodes: &[Node]) -> Vec<&str> {
    nodes.iter().map(Node::name).collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let whole = place.sign_in().await?;
    whole.create_dir("/find-example").await?;
    let mega = whole.view("/find-example")?;
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for (path, size) in [("/in/a.jpg", 5000), ("/in/B.JPG", 900), ("/in/c.txt", 20)] {
        mega.write(path, vec![1; size]).modified(old).await?;
    }
    mega.write("/in/new.txt", "of today").await?;

    // By name, size and time; all conditions together, without a request.
    let pictures = mega.search("/").name("*.jpg").ignore_case().await?;
    assert_eq!(pictures.len(), 2);
    let large = mega.search("/").larger_than(800).smaller_than(1000).await?;
    assert_eq!(names(&large), ["B.JPG"]);
    let long_ago = mega
        .search("/")
        .modified_before(old + Duration::from_secs(1));
    println!("changed long ago: {:?}", names(&long_ago.await?));
    let yesterday = SystemTime::now() - Duration::from_secs(24 * 3600);
    let made = mega.search("/").files().created_since(yesterday).await?;
    println!("stored since yesterday: {:?}", names(&made));
    let changed = mega.search("/").modified_since(yesterday).await?;
    assert_eq!(names(&changed), ["new.txt"]);

    // Marks on many nodes in a few requests; also some that only this program knows.
    let marks = mega.edit_all(&pictures).label(Label::Red).tags(["trip"]);
    marks.await.into_result()?;
    let rated = mega.edit("/in/a.jpg").application("rating", "5").await?;
    println!("rated: {:?}", rated.application("rating"));
    assert_eq!(
        mega.search("/").label(Label::Red).tag("trip").await?.len(),
        2
    );

    // One by one, and all of them to another place.
    let mut found = mega.search("/").files().stream();
    while let Some(node) = found.try_next().await? {
        println!("{:>5} bytes: {}", node.size(), node.name());
    }
    mega.create_dir("/album").await?;
    let moved = mega.move_all(&pictures, "/album").await;
    println!("moved: {moved}");
    assert_eq!(moved.into_result()?.len(), 2);

    whole.delete("/find-example").await?;
    whole.sign_out().await?;
    Ok(())
}
