//! An account with a second factor: the code itself, its secret, or somebody who is asked. Run: `cargo run --example second_factor`.
//!
//! It needs an account whose secret is known, so it always runs against the embedded server.

use std::error::Error;

use mega_client::{Client, Credentials, ErrorKind, SecondFactor};
use mega_testserver::TestServer;

const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = TestServer::start().await?;
    let account = server.account("me@example.com", "correct horse");
    account.second_factor(SECRET).create();
    let builder = || Client::builder().origin(server.url());
    let plain = Credentials::new("me@example.com", "correct horse");

    // The service says that it wants one, and whether it was right.
    let asked = builder().login(plain.clone()).await.err();
    let asked = asked.ok_or("it let us in without")?;
    assert_eq!(asked.kind(), ErrorKind::SecondFactorRequired);
    println!("{asked}: {}", asked.remedy());
    let guess = plain.clone().second_factor(SecondFactor::code("000000"));
    let wrong = builder().login(guess).await.err();
    let wrong = wrong.ok_or("it let us in with a guess")?;
    assert_eq!(wrong.kind(), ErrorKind::SecondFactorWrong);
    println!("{wrong}: {}", wrong.remedy());

    // A person types it in. Nobody is asked unless the service wants a code; here nobody is at home.
    let nobody = plain.clone().second_factor(SecondFactor::ask(|| {
        println!("Six digits, please: (nobody answers)");
        None
    }));
    assert!(builder().login(nobody).await.is_err());

    // A program that has the secret needs nobody.
    let factor = SecondFactor::secret(SECRET);
    let mega = builder().login(plain.second_factor(factor)).await?;
    println!("signed in as {}", mega.email().unwrap_or("?"));

    // Later programs come back with the session, and no code is asked for.
    let again = builder().resume(&mega.save()?).await?;
    println!("resumed; {} nodes", again.node_count());
    mega.sign_out().await?;
    Ok(())
}
