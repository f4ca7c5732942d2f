//! What a program keeps with the account, to find it on any computer. Run: `cargo run --example settings`.

use std::error::Error;

use mega_client::ErrorKind;
use mega_examples::Place;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = Place::from_args().await?;
    let mega = place.sign_in().await?;

    // Encrypted: the service cannot read it.
    mega.set_user_attribute("*!example", "1000 squares").await?;
    let elsewhere = place.sign_in().await?;
    let kept = elsewhere.user_attribute("*!example").await?;
    println!("kept with the account: {}", kept.text().unwrap_or("?"));
    assert_eq!(kept.text(), Some("1000 squares"));

    // Changed on top of what is there, whoever else changes it in the same moment.
    let change = elsewhere.change_user_attribute("*!example", |now| {
        let text = now.and_then(|now| now.text()).unwrap_or_default();
        Some(format!("{text} and a circle").into())
    });
    change.await?;
    let now = mega.user_attribute("*!example").await?;
    println!("and now: {}", now.text().unwrap_or("?"));
    assert_eq!(now.text(), Some("1000 squares and a circle"));

    mega.remove_user_attribute("*!example").await?;
    let gone = elsewhere.user_attribute("*!example").await.err();
    assert_eq!(gone.map(|error| error.kind()), Some(ErrorKind::NotFound));
    elsewhere.sign_out().await?;
    mega.sign_out().await?;
    Ok(())
}
