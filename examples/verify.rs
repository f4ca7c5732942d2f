//! Proves that local files equal remote ones, without downloading anything. Run: `cargo run --example verify`.

use std::error::Error;

use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;
    let folder = tempfile::tempdir()?;
    let local = folder.path().join("ledger.csv");
    std::fs::write(&local, "date,amount\n2026-01-01,100\n")?;
    mega.upload(&local, "/ledger.csv").await?;

    let verdict = mega.verify(&local, "/ledger.csv").await?;
    println!("untouched: {verdict}");
    assert!(verdict.is_equal());

    // One digit is enough.
    std::fs::write(&local, "date,amount\n2026-01-01,900\n")?;
    let verdict = mega.verify(&local, "/ledger.csv").await?;
    println!("altered:   {verdict}");
    assert!(!verdict.is_equal());

    mega.sign_out().await?;
    Ok(())
}
