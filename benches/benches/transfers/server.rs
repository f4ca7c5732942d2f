//! The test server in a process of its own, told what to do through its standard input.
//!
//! It keeps no content of large files: it counts what it gets and serves zeros. So that such a file can be
//! downloaded and verified, [`Served::settle`] gives it the key that belongs to zeros.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::certificate::Certificate;
use mega_crypto::content::{CondensedMac, ContentCipher, ContentKey};
use mega_testserver::account::content::{FileKey, wrap};
use mega_testserver::model::Kind;
use mega_testserver::{Fault, TestServer, Tls};

/// The account there is.
pub(crate) const EMAIL: &str = "bench@example.com";
/// Its password.
pub(crate) const PASSWORD: &str = "a password";

/// A server that runs; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Served {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Where it listens.
    pub(crate) url: String,
}

impl Served {
    /// Starts one whose answers begin this much later, behind TLS if there is a certificate.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub(crate) fn start(
        latency: Duration,
        discard: bool,
        tls: Option<&Certificate>,
    ) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        if let Some(tls) = tls {
            command.arg("--tls-cert").arg(&tls.certificate);
            command.arg("--tls-key").arg(&tls.key);
        }
        let mut child = command
            .args([
                "--child",
                "server",
                "--latency",
                &latency.as_millis().to_string(),
            ])
            .args(discard.then_some("--discard"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("no pipe");
        let input = child.stdin.take().ok_or_else(missing)?;
        let mut output = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let mut url = String::new();
        output.read_line(&mut url)?;
        let url = url.trim().to_owned();
        Ok(Self {
            child,
            input,
            output,
            url,
        })
    }

    /// Makes the file `/large` readable although nothing of it was kept.
    ///
    /// # Errors
    ///
    /// If the server is gone.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        self.ask("settle").map(|_| ())
    }

    /// The address that was given last for uploads (`u`) or downloads (`g`).
    ///
    /// # Errors
    ///
    /// If the server is gone.
    pub(crate) fn address(&mut self, command: &str) -> io::Result<String> {
        self.ask(command)
    }

    fn ask(&mut self, question: &str) -> io::Result<String> {
        writeln!(self.input, "{question}")?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Its end is all that is wanted.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// What a server is to be like.
#[derive(Debug, Default)]
pub(crate) struct How {
    /// Answers begin this much later.
    pub(crate) latency: Duration,
    /// No content of large files is kept.
    pub(crate) discard: bool,
    /// Certificate and key, both files in PEM.
    pub(crate) tls: Option<(String, String)>,
    /// How many nodes the account has, about.
    pub(crate) nodes: u32,
}

/// The process behind [`Served`].
///
/// # Errors
///
/// If it cannot listen.
pub(crate) async fn serve(how: How) -> io::Result<()> {
    let mut builder = TestServer::builder().options(|options| {
        options.discard = how.discard;
        options.gzip = false;
    });
    if !how.latency.is_zero() {
        builder = builder.latency(how.latency);
    }
    if let Some((certificate, key)) = how.tls {
        let (certificate, key) = (std::fs::read(certificate)?, std::fs::read(key)?);
        builder = builder.tls(Tls::from_pem(&certificate, &key).map_err(io::Error::other)?);
    }
    let server = builder.start().await?;
    // Room for the largest file that is asked for (TR-9 says 100 GiB).
    let mut account = server.account(EMAIL, PASSWORD).quota(1 << 40);
    if how.nodes > 0 {
        account = account.generated_tree(how.nodes.div_ceil(1000), 1000);
    }
    let master = account.create().master_key;
    let seen = std::sync::Arc::new(std::sync::Mutex::new([String::new(), String::new()]));
    for (at, (command, member)) in [("u", "\"p\":\""), ("g", "\"g\":\"")]
        .into_iter()
        .enumerate()
    {
        let seen = std::sync::Arc::clone(&seen);
        let look = move |text: String| {
            let url = text
                .split(member)
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            if let (Some(url), Ok(mut seen)) = (url, seen.lock()) {
                url.clone_into(&mut seen[at]);
            }
            text
        };
        server
            .faults()
            .add(Fault::command(command).rewrite(look).always());
    }
    println!("{}", server.url());
    let questions = tokio::task::spawn_blocking(move || {
        for line in io::stdin().lock().lines() {
            match line?.as_str() {
                "settle" => {
                    settle(&server, &master);
                    println!("done");
                }
                name => {
                    let at = usize::from(name == "g");
                    let seen = seen.lock().map_err(|_| io::Error::other("poisoned"))?;
                    println!("{}", seen[at]);
                }
            }
        }
        Ok(())
    });
    questions.await.map_err(io::Error::other)?
}

/// Gives the large file the key that it would have if zeros were its encrypted bytes.
fn settle(server: &TestServer, master: &[u8; 16]) {
    server.with_model(|model| {
        let Some(root) = model.find(EMAIL, "/") else {
            return;
        };
        // Some clients make another file of the same name each time.
        let files: Vec<_> = model.tree().children(root).collect();
        let files = files.into_iter().filter(|node| node.kind == Kind::File);
        let files: Vec<_> = files.map(|node| (node.handle, node.size())).collect();
        for (node, size) in files {
            let Some(key) = model.node_key(node).and_then(|key| key.try_into().ok()) else {
                continue;
            };
            let key = FileKey::unpack(&key);
            let cipher = ContentCipher::new(&ContentKey::new(key.key, key.nonce));
            let mut macs = CondensedMac::new();
            for window in mega_crypto::content::windows(size, 4 << 20) {
                let range = window.range();
                let len = usize::try_from(range.end - range.start).unwrap_or(0);
                let mut zeros = vec![0; len];
                if let Ok(found) = cipher.decrypt_chunks(range.start, &mut zeros) {
                    let _same = macs.insert_all(&found);
                }
            }
            if let Ok(mac) = macs.finish(&cipher, size) {
                let key = FileKey { mac: mac.0, ..key };
                model.tamper_key(node, &wrap(master, &key.pack()));
            }
        }
    });
}
