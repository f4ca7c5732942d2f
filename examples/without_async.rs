//! A program without async: `.wait()` where others write `.await`. Run: `cargo run --example without_async`.

use std::error::Error;
use std::io::{Read, Seek, SeekFrom};

use mega_client::blocking::{FileReader, Source, Wait, WaitIter};
use mega_client::{Client, Credentials};

fn main() -> Result<(), Box<dyn Error>> {
    // The embedded server is an async program of its own.
    let runtime = tokio::runtime::Runtime::new()?;
    let server = runtime.block_on(mega_testserver::TestServer::start())?;
    server.account("me@example.com", "secret").create();

    let login = Credentials::new("me@example.com", "secret");
    let mega = Client::builder().origin(server.url()).login(login).wait()?;
    let numbers = Source::new(&b"one two three"[..]);
    mega.write_from("/numbers.txt", numbers).wait()?;
    mega.create_dirs(["/a", "/b"]).wait().into_result()?;
    for node in mega.list("/").sorted().stream().wait_iter() {
        println!("{}", node?.name());
    }
    let mut file = FileReader::new(mega.open("/numbers.txt").wait()?);
    file.seek(SeekFrom::Start(4))?;
    let mut rest = String::new();
    file.read_to_string(&mut rest)?;
    println!("from the fourth byte on: {rest}");
    assert_eq!(rest, "two three");
    mega.sign_out().wait()?;
    Ok(())
}
