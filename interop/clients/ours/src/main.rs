//! The scenario with this project's own client. Arguments: URL, e-mail, password, own folder, mode.

use std::future::Future;
use std::time::{Duration, SystemTime};

use mega_client::{Client, ClientBuilder, Credentials};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Byte i of a file of size s is (i * 31 + s) mod 251, in every client's script.
fn content(size: usize) -> Vec<u8> {
    (0..size).map(|i| ((i * 31 + size) % 251) as u8).collect()
}

/// A name that is hard to carry over, for a file of 20 bytes.
const NAME: &str = "ü 名 🙂 & %41 'x'.txt";

/// When the file of 131072 bytes was changed, where the client can say so. Unix time.
const CHANGED: Duration = Duration::from_secs(1_600_000_001);

fn sizes() -> Vec<usize> {
    let text = std::env::var("INTEROP_SIZES").unwrap_or_else(|_| "0,1,131072,3145735".into());
    text.split(',')
        .map(|size| size.parse().expect("a size"))
        .collect()
}

async fn step<T>(name: &str, run: impl Future<Output = Result<T, Error>>) -> Option<T> {
    let (result, detail, value) = match run.await {
        Ok(value) => ("pass", String::new(), Some(value)),
        Err(error) => ("fail", format!("{error} {error:?}"), None),
    };
    println!(
        "{}",
        serde_json::json!({ "step": name, "result": result, "detail": detail })
    );
    value
}

/// Downloads a file and compares it; the download itself compares the condensed MAC.
async fn compare(mega: &Client, path: &str, size: usize) -> Result<(), Error> {
    let bytes = mega.read(path).await?;
    if bytes != content(size) {
        return Err(format!(
            "{path}: {} bytes differ from the {size} expected",
            bytes.len()
        )
        .into());
    }
    Ok(())
}

async fn open(builder: &ClientBuilder, link: &str, expected: usize) -> Result<(), Error> {
    let visitor = builder.clone().open_link(link).await?;
    let seen = visitor.list("/").recursive().files().await?;
    if seen.len() != expected {
        return Err(format!("{} files instead of {expected}", seen.len()).into());
    }
    for node in seen {
        visitor.read(&node).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (url, email, password, own) = (&args[1], &args[2], &args[3], args[4].as_str());
    let builder = Client::builder().origin(url).allow_legacy_v1(true);
    let login = builder
        .clone()
        .login(Credentials::new(email, password.as_str()));
    let Some(mega) = step("sign in", async { Ok(login.await?) }).await else {
        return;
    };
    if args.get(5).is_some_and(|mode| mode == "read") {
        let folders = step("list", async { Ok(mega.list("/").folders().await?) }).await;
        for folder in folders.unwrap_or_default() {
            if !folder.name().starts_with("from ") || folder.name() == own {
                continue;
            }
            step(&format!("reads {}", folder.name()), async {
                let files = mega.list(&folder).files().await?;
                if !files.iter().any(|file| file.name() == NAME) {
                    return Err(format!("{NAME} is not there").into());
                }
                for file in files {
                    let size = match file.name() {
                        NAME => Some(20),
                        name => name.strip_prefix('f').and_then(|size| size.parse().ok()),
                    };
                    // The crate loses the lowest byte of the time when it writes it.
                    let shortened =
                        SystemTime::UNIX_EPOCH + Duration::from_secs(CHANGED.as_secs() >> 8);
                    if size == Some(131_072)
                        && folder.name() == "from crate mega"
                        && file.modified() != Some(shortened)
                    {
                        return Err(format!("changed at {:?}", file.modified()).into());
                    }
                    if let Some(size) = size {
                        let path = mega.path_of(&file).ok_or("no path")?;
                        compare(&mega, &path, size).await?;
                    }
                }
                Ok(())
            })
            .await;
        }
    } else {
        scenario(&builder, &mega, own).await;
    }
    step("sign out", async { Ok(mega.sign_out().await?) }).await;
}

async fn scenario(builder: &ClientBuilder, mega: &Client, own: &str) {
    step("list", async { Ok(mega.list("/").await?.len()) }).await;
    step("make folders", async {
        Ok(mega.create_dir(format!("/{own}/sub")).await?)
    })
    .await;
    for size in sizes() {
        step(&format!("upload {size}"), async {
            let write = mega.write(format!("/{own}/f{size}"), content(size));
            let time = SystemTime::UNIX_EPOCH + CHANGED;
            Ok(if size == 131_072 {
                write.modified(time).await?
            } else {
                write.await?
            })
        })
        .await;
    }
    step("upload a hard name", async {
        Ok(mega.write(format!("/{own}/{NAME}"), content(20)).await?)
    })
    .await;
    step("download and compare", async {
        for size in sizes() {
            compare(mega, &format!("/{own}/f{size}"), size).await?;
        }
        Ok(())
    })
    .await;
    step("rename", async {
        mega.write(format!("/{own}/old name"), "hello").await?;
        Ok(mega
            .rename(format!("/{own}/old name"), "new name ü")
            .await?)
    })
    .await;
    step("move", async {
        mega.move_to(format!("/{own}/new name ü"), format!("/{own}/sub"))
            .await?;
        Ok(mega.stat(format!("/{own}/sub/new name ü")).await?)
    })
    .await;
    step("copy", async {
        mega.copy(format!("/{own}/sub/new name ü"), format!("/{own}/sub"))
            .rename("copy")
            .await?;
        Ok(mega.read(format!("/{own}/sub/copy")).await?)
    })
    .await;
    step("file link, opened anonymously", async {
        let link = mega.link(format!("/{own}/sub/copy")).await?;
        open(builder, link.url(), 1).await
    })
    .await;
    step("folder link, opened anonymously", async {
        let link = mega.link(format!("/{own}/sub")).await?;
        open(builder, link.url(), 2).await
    })
    .await;
    step("delete", async {
        mega.delete(format!("/{own}/sub")).await?;
        if mega.exists(format!("/{own}/sub")).await? {
            Err("still there".into())
        } else {
            Ok(())
        }
    })
    .await;
    step("empty the bin", async {
        mega.write(format!("/{own}/rubbish"), "rubbish").await?;
        mega.trash(format!("/{own}/rubbish")).await?;
        mega.empty_rubbish_bin().await?;
        let left = mega.list(mega.rubbish_bin()?).await?.len();
        if left > 0 {
            Err(format!("{left} nodes left").into())
        } else {
            Ok(())
        }
    })
    .await;
    step("quota", async {
        if mega.quota().await?.used() == 0 {
            Err("nothing used".into())
        } else {
            Ok(())
        }
    })
    .await;
    step("sessions and user", async {
        if mega.sessions().await?.is_empty() {
            Err("no session".into())
        } else {
            Ok(())
        }
    })
    .await;
    step("resume", async {
        Ok(builder.clone().resume(&mega.save()?).await?.node_count())
    })
    .await;
}
