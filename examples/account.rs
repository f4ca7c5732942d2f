//! A new account from its registration to another password. Run: `cargo run --example account`.
//!
//! It needs the mails of the service, so it always runs against the embedded server.

use std::error::Error;

use mega_client::{Client, Credentials, RecoveryKey};
use mega_testserver::TestServer;

const EMAIL: &str = "ann@example.com";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = TestServer::start().await?;
    let builder = Client::builder().origin(server.url());
    let newest_mail = || {
        let link = server.with_model(|model| model.mails().last().map(|mail| mail.link()));
        link.ok_or("no mail has come")
    };
    let login = |password| builder.clone().login(Credentials::new(EMAIL, password));

    let pending = builder
        .clone()
        .register(EMAIL, "correct horse", "Ann Other");
    println!("a mail went to {}", pending.await?.email());
    let confirmed = builder.clone().confirm(newest_mail()?).await?;
    println!("{} is confirmed as {}", confirmed.email, confirmed.name);

    let mega = login("correct horse").await?;
    println!("made keys: {:?}", mega.make_keys().await?);
    assert!(mega.make_keys().await?.is_empty(), "once is enough");
    mega.write("/diary.txt", "today I got an account").await?;

    let paper: RecoveryKey = mega.recovery_key()?;
    let change = mega
        .change_password("battery staple")
        .current("correct horse");
    let changed = change.close_other_sessions().await?;
    println!("another password, account version {}", changed.version);
    let refused = login("correct horse").await.err();
    println!(
        "the old one: {}",
        refused.ok_or("it still opens the account")?
    );

    builder.clone().ask_for_recovery(EMAIL).await?;
    let recover = builder
        .clone()
        .recover(newest_mail()?, &paper, "third time lucky");
    println!("recovered {}", recover.await?.email);
    let mega = login("third time lucky").await?;
    println!("still there: {:?}", mega.read("/diary.txt").await?);
    assert_eq!(mega.read("/diary.txt").await?, "today I got an account");
    mega.sign_out().await?;
    Ok(())
}
