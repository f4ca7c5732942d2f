//! Coming back without the password, a tree on disk, programs that share a session. Run: `cargo run --example sessions`.

use std::error::Error;

use mega_client::{LoginGuard, SavedSession};
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let folder = tempfile::tempdir()?;
    let (session, trees) = (folder.path().join("session"), folder.path().join("trees"));

    // The first program signs in, keeps the session in a private file and the tree in a folder.
    let builder = place.builder().cache_dir(&trees);
    let mega = builder.login(place.credentials()).await?;
    mega.write("/note.txt", "remember me").await?;
    mega.save()?
        .write_sealed_file(&session, "passphrase")
        .await?;
    mega.close().await;

    // The next one needs neither the password nor a full fetch.
    let saved = SavedSession::read_sealed_file(&session, "passphrase").await?;
    let mega = place.builder().cache_dir(&trees).resume(&saved).await?;
    println!("{:?}", mega.read("/note.txt").await?);

    // Programs that follow each other share one session, so that nobody signs in too often.
    let guard = LoginGuard::in_folder(folder.path().join("logins"));
    for _ in 0..3 {
        let builder = place.builder().login_guard(guard.clone());
        let program = builder.login(place.credentials()).await?;
        println!("a program sees {} nodes", program.node_count());
    }
    for session in mega.sessions().await?.iter().filter(|one| one.alive) {
        println!(
            "open: {} (this one: {})",
            session.user_agent, session.current
        );
    }
    mega.close_other_sessions().await?;
    let left = mega.sessions().await?;
    println!("left: {}", left.iter().filter(|one| one.alive).count());
    assert_eq!(left.iter().filter(|one| one.alive).count(), 1);

    mega.delete("/note.txt").await?;
    mega.sign_out().await?;
    Ok(())
}
