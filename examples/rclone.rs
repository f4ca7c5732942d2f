//! An account that is set up in rclone, taken over with its options. Run: `cargo run --example rclone`.
//!
//! It needs an account with the password of the configuration below, so it always runs against the embedded server.

use std::error::Error;

use mega_client::{Client, RcloneRemote};
use mega_testserver::TestServer;

/// As rclone writes it; the password is "potato", obscured.
const CONFIG: &str = "[cloud]
type = mega
user = rclone@example.com
pass = YWFhYWFhYWFhYWFhYWFhYXMaGgIlEQ
encoding = Slash,Question,Dot
hard_delete = true
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = TestServer::start().await?;
    server.account("rclone@example.com", "potato").create();
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("rclone.conf");
    std::fs::write(&config, CONFIG)?;

    // Read on request only; rclone's own session is used while it is open, the password else.
    let remote = RcloneRemote::read(&config, "cloud").await?;
    println!("names are stored with {}", remote.encoding());
    let builder = Client::builder().origin(server.url());
    let mega = remote.sign_in(builder).await?;

    // Files have the names that rclone shows.
    let node = mega.write("/who?.txt", "me").await?;
    assert_eq!(node.name(), "who?.txt");
    assert_eq!(node.stored_name(), Some("who？.txt".as_bytes()));
    println!("{} is stored as {:?}", node.name(), "who？.txt");

    // What is removed is gone for good, as it is set up there.
    mega.remove("/who?.txt").await?;
    assert!(mega.list(mega.rubbish_bin()?).await?.is_empty());
    println!("removed, and not in the bin");
    mega.sign_out().await?;
    Ok(())
}
