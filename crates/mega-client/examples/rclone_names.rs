//! Our half of `interop/names.py`: writes files under given names, or lists what is there.
//!
//! `rclone_names URL EMAIL PASSWORD write FOLDER` reads one shown name per line, in hex, and writes file number `n` with `n` bytes.
//! `rclone_names URL EMAIL PASSWORD list FOLDER` prints the size, the shown name in hex, and whether the content could be read and proven.

use std::error::Error;
use std::io::BufRead;

use mega_client::{Client, Credentials, OnConflict};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, email, password, command, folder] = args.as_slice() else {
        return Err("URL EMAIL PASSWORD write|list FOLDER".into());
    };
    let mega = Client::builder()
        .origin(url)
        .login(Credentials::new(email, password.as_str()))
        .await?;
    if command == "write" {
        for (at, line) in std::io::stdin().lock().lines().enumerate() {
            let name = String::from_utf8(unhex(line?.trim())?)?;
            let path = format!("{folder}/{name}");
            let upload = mega.write(path, vec![b'x'; at + 1]);
            upload.on_conflict(OnConflict::Fail).await?;
        }
    } else {
        for node in mega.list(folder.as_str()).sorted().await? {
            let read = mega.read(&node).await;
            let good = read.is_ok_and(|bytes| bytes.len() as u64 == node.size());
            let name: String = node
                .name()
                .bytes()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            println!("{} {name} {good}", node.size());
        }
    }
    mega.sign_out().await?;
    Ok(())
}

fn unhex(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    (0..text.len())
        .step_by(2)
        .map(|at| Ok(u8::from_str_radix(text.get(at..at + 2).ok_or("odd")?, 16)?))
        .collect()
}
