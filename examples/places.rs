//! Where things are in an account: drive, bin, vault, views; how full it is. Run: `cargo run --example places`.

use std::error::Error;

use mega_examples::{Place, bytes};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    mega.write("/places-example/a.txt", "first").await?;
    mega.write("/places-example/a.txt", "second").await?;
    mega.write("/places-example/b.txt", "thrown away").await?;
    mega.trash("/places-example/b.txt").await?;

    // Each root is a node, and every call takes it. The vault holds what other MEGA programs back up.
    for root in [mega.root()?, mega.rubbish_bin()?, mega.vault()?] {
        let (inside, usage) = (mega.list(&root).await?, mega.usage(&root).await?);
        println!(
            "{:?}: {} entries, {} files, {}, and {} in older versions",
            root.kind(),
            inside.len(),
            usage.files,
            bytes(usage.bytes),
            bytes(usage.version_bytes)
        );
    }
    println!("shared with me: {}", mega.incoming_shares().len());

    // A view starts its paths somewhere else and never leaves that place.
    let bin = mega.view(mega.rubbish_bin()?)?;
    assert!(bin.exists("/b.txt").await?);
    assert!(bin.stat("/../places-example").await.is_err());
    assert!(bin.stat(mega.stat("/places-example").await?).await.is_err());

    // The same figures as the service counts them, with the plan and what it allows.
    let quota = mega.quota().await?;
    println!("{} of {} used", bytes(quota.used()), bytes(quota.total()));
    println!("{} left; state {:?}", bytes(quota.free()), quota.state());
    println!("in older versions: {}", bytes(quota.versions()));
    println!("in the rubbish bin: {}", bytes(quota.rubbish_bin().bytes));
    println!("in the vault: {}", bytes(quota.vault().bytes));
    let (used, total) = (quota.transfer_used(), quota.transfer_total());
    println!("plan {:?}, transfer {used:?} of {total:?}", quota.plan());
    assert!(quota.versions() >= 5 && quota.rubbish_bin().bytes >= 11);

    mega.delete("/places-example").await?;
    mega.sign_out().await?;
    Ok(())
}
