//! A folder kept safe: what changed, what is left out, what may break off and go on, and the proof. Run: `cargo run --example backup`.

use std::error::Error;
use std::fs;
use std::time::Duration;

use mega_client::{Filter, Fingerprint, Progress, QuotaPolicy, TransferLimits};
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    let folder = tempfile::tempdir()?;
    let (local, journals) = (folder.path().join("work"), folder.path().join("journals"));
    fs::create_dir_all(local.join("cache"))?;
    fs::write(local.join("thesis.txt"), "chapter one ".repeat(100_000))?;
    fs::write(local.join("cache/junk"), "not worth it")?;

    // What the machine and the line may be used for, and whether to wait when the quota is used up.
    let limits = TransferLimits::default()
        .files_at_once(4)
        .memory_bytes(32 << 20);
    let wait = QuotaPolicy::WaitUpTo(Duration::from_secs(3600));
    mega.set_limits(limits.upload_rate(50 << 20).quota_policy(wait));

    let backup = |progress: &Progress| {
        let upload = mega.upload_folder(&local, "/backup-example");
        let filter = Filter::new().exclude("cache/**");
        let upload = upload.filter(filter).resumable(&journals);
        upload.delete_extraneous().progress(progress)
    };
    println!("planned: {}", backup(&Progress::new()).dry_run().await?);
    println!("done:    {}", backup(&Progress::new()).await?);
    assert!(!mega.exists("/backup-example/cache/junk").await?);

    // Somebody stops it on the way; the next run goes on from there.
    fs::write(local.join("thesis.txt"), "chapter two ".repeat(100_000))?;
    let stopped = Progress::new();
    stopped.cancel();
    match backup(&stopped).await {
        Ok(report) => println!("stopped: {report}"),
        Err(error) => println!("stopped: {error}"),
    }
    println!(
        "next:    {}",
        backup(&Progress::new()).await?.into_result()?
    );

    // Likely the same, at a glance; the same, proven without a download.
    let thesis = local.join("thesis.txt");
    let node = mega.stat("/backup-example/thesis.txt").await?;
    let here = Fingerprint::of_file(&thesis).await?;
    assert_eq!(node.fingerprint(), Some(here), "likely the same");
    let verdict = mega.verify(&thesis, &node).await?;
    println!("proven: {verdict}");
    assert!(verdict.is_equal());

    mega.delete("/backup-example").await?;
    mega.sign_out().await?;
    Ok(())
}
