//! The command line of the program.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use crate::server::TestServer;
use crate::shell::Tls;
use crate::state::StateError;

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|a| a == "--help" || a == "-h") {
        // Whoever reads it may have seen enough: `| head`.
        return match writeln!(std::io::stdout(), "{USAGE}") {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        };
    }
    let result = Arguments::read(&arguments).and_then(|arguments| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        runtime.block_on(run(arguments))
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("mega-testserver: {message}");
            ExitCode::FAILURE
        }
    }
}

const USAGE: &str = "\
mega-testserver [--listen ADDR:PORT] [--account EMAIL:PASSWORD[:OPTION]...]...

  --listen ADDR:PORT          where to listen (default 127.0.0.1:0, a free port)
  --storage-listen ADDR:PORT  a second socket for uploads and downloads
  --tls-cert FILE             speak TLS with this certificate (PEM, followed by those of its signers)
  --tls-key FILE              its private key (PEM)
  --public-url URL            the address to name in replies where it is not the one listened on, for example
                              https://g.api.mega.co.nz behind a private table of names
  --public-storage-url URL    the same for uploads and downloads
  --account SPEC              an account, repeatable; options after EMAIL:PASSWORD, separated by colons:
                              v1, v2, nokeys, bare, unconfirmed, blocked, totp=SECRET, quota=BYTES,
                              tree=FOLDERSxFILES (generated: so many folders, so many files in each)
  --faults WHERE=WHAT         what goes wrong, repeatable. WHERE: a command, or any, api, events, wait, upload,
                              download, attributes, connection, then a part of the path (upload/131072). WHAT: a code (-3), a
                              status (503), 509:SECONDS, batch:CODE, lost (executed, no reply), dropped (not
                              executed), refused (of WHERE connection), overtaken:N (executed after so many later
                              ones), reset, headers, cut:BYTES, truncate:BYTES, extend:BYTES, corrupt:OFFSET,
                              file:OFFSET, stall:BYTES:MS, delay:MS, html, twice, stale, gzip, hashcash:N, expire,
                              logout, forget, notoken, falsetoken, noevents, twoevents, reversed, late, old,
                              without:NAME, set:NAME:JSON, add:NAME:JSON, edit:NAME:BLOCK:EDIT (EDIT: flip:BIT, zero, copy:BLOCK,
                              swap:BLOCK), resize:NAME:BYTES, trickle:BYTES:MS, cutwithin:BYTES, corruptwithin:BYTES,
                              bomb:BYTES, unknown, swapped, texts, shorter:N, longer:N, tagged, untagged,
                              header:NAME:\"VALUE\", redirect:\"URL\", waiturl:\"URL\", body:\"TEXT\". Then *TIMES, * (always), %PERCENT, +LET-PASS.
  --with-stdin                stop when standard input ends too, as it does when whoever started this is gone
  --no-control                do not serve /test/ (below)
  --state FOLDER              keep everything in this folder, so that it survives a restart; accounts that are in it
                              already are left as they are (default: memory)
  --tree FOLDERSxFILES        a generated tree for every account that does not ask for another
  --login-block               90 logins in a row block an account for a week, as rclone's documentation tells
  --snapshots                 answer cached listings with older images; the client catches up through events
  --seed N                    what everything random is drawn from (default 0)
  --hashcash N                sign-in needs a proof of work of this easiness (255 is the cheapest)
  --raid                      six-part downloads for clients that can
  --discard                   keep no content, check nothing
  --no-gzip                   never compress replies

Prints one line of JSON when ready: {\"url\": \"http://127.0.0.1:PORT\", \"storage\": where uploads and downloads go}. Stops on SIGINT and SIGTERM.

While it runs, tests in any language can ask and change it under the same address:
  GET  /test/journal          every request so far, as JSON, with the faults that fired
  POST /test/journal          forget them
  POST /test/faults           add faults, one per line as with --faults; an empty body ends all
  POST /test/clock            move the clock, by so many seconds; a negative number moves it back
  POST /test/account          make an account, as with --account
  POST /test/change           change the state as another client, the service or an attacker would: a JSON object such as
                              {\"change\":\"file\",\"email\":..,\"path\":\"/a\",\"text\":\"b\"}, or an array of them (see the README)
  GET  /test/violations       what is wrong with the state; an empty array when it is sound
  GET  /test/mails            the mails that would have been sent: address, purpose and code";

struct Arguments {
    listen: SocketAddr,
    storage: Option<SocketAddr>,
    state: Option<String>,
    tls_certificate: Option<String>,
    tls_key: Option<String>,
    public: Option<String>,
    public_storage: Option<String>,
    seed: u64,
    accounts: Vec<String>,
    faults: Vec<String>,
    hashcash: Option<u8>,
    raid: bool,
    discard: bool,
    gzip: bool,
    control: bool,
    tree: Option<String>,
    login_block: bool,
    snapshots: bool,
    with_stdin: bool,
}

impl Arguments {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let mut out = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            storage: None,
            state: None,
            tls_certificate: None,
            tls_key: None,
            public: None,
            public_storage: None,
            seed: 0,
            accounts: Vec::new(),
            faults: Vec::new(),
            hashcash: None,
            raid: false,
            discard: false,
            gzip: true,
            control: true,
            tree: None,
            login_block: false,
            snapshots: false,
            with_stdin: false,
        };
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--listen" => out.listen = parse(name, value()?)?,
                "--storage-listen" => out.storage = Some(parse(name, value()?)?),
                "--tls-cert" => out.tls_certificate = Some(value()?.clone()),
                "--tls-key" => out.tls_key = Some(value()?.clone()),
                "--public-url" => out.public = Some(value()?.clone()),
                "--public-storage-url" => out.public_storage = Some(value()?.clone()),
                "--state" => out.state = Some(value()?.clone()),
                "--seed" => out.seed = parse(name, value()?)?,
                "--account" => out.accounts.push(value()?.clone()),
                "--faults" => out.faults.push(value()?.clone()),
                "--hashcash" => out.hashcash = Some(parse(name, value()?)?),
                "--raid" => out.raid = true,
                "--discard" => out.discard = true,
                "--tree" => out.tree = Some(value()?.clone()),
                "--login-block" => out.login_block = true,
                "--snapshots" => out.snapshots = true,
                "--with-stdin" => out.with_stdin = true,
                "--no-control" => out.control = false,
                "--no-gzip" => out.gzip = false,
                other => return Err(format!("{other} is not an option; see --help")),
            }
        }
        Ok(out)
    }
}

fn parse<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{name}: {value} cannot be read"))
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let mut builder = TestServer::builder()
        .seed(arguments.seed)
        .listen(arguments.listen)
        .options(|o| {
            o.hashcash = arguments.hashcash;
            o.cloud_raid = arguments.raid;
            o.discard = arguments.discard;
            o.gzip = arguments.gzip;
            o.control = arguments.control;
            o.login_block = arguments
                .login_block
                .then(crate::model::LoginBlock::default);
            o.snapshots = arguments.snapshots;
        });
    if let Some(storage) = arguments.storage {
        builder = builder.storage_listen(storage);
    }
    if let Some(folder) = &arguments.state {
        builder = builder.state(folder);
    }
    if let Some(url) = &arguments.public {
        builder = builder.public_url(url);
    }
    if let Some(url) = &arguments.public_storage {
        builder = builder.public_storage_url(url);
    }
    if let Some(tls) = read_tls(&arguments)? {
        builder = builder.tls(tls);
    }
    let server = builder.start().await.map_err(|e| match e.get_ref() {
        Some(state) if state.is::<StateError>() => state.to_string(),
        _ => format!("cannot listen on {}: {e}", arguments.listen),
    })?;
    for spec in &arguments.accounts {
        let own = spec.split(':').any(|part| part.starts_with("tree="));
        let spec = &match &arguments.tree {
            Some(tree) if !own => format!("{spec}:tree={tree}"),
            _ => spec.clone(),
        };
        crate::account::spec::add(server.service(), spec).map_err(|e| format!("--account {e}"))?;
    }
    for spec in &arguments.faults {
        server
            .faults()
            .add(spec.parse().map_err(|e| format!("--faults: {e}"))?);
    }
    let mut line = String::new();
    let _ = write!(
        line,
        "{{\"url\": \"{}\", \"storage\": \"{}\"}}",
        server.url(),
        server.storage_url()
    );
    // Whoever reads the line may ask for the end at once.
    let stop = Stop::new()?;
    let mut out = std::io::stdout();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|e| e.to_string())?;
    if !arguments.with_stdin {
        return stop.asked().await;
    }
    tokio::select! {
        asked = stop.asked() => asked,
        _ = stdin_ended() => Ok(()),
    }
}

/// Tells when standard input has ended. The thread that reads it ends with the process.
fn stdin_ended() -> tokio::sync::oneshot::Receiver<()> {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = tell.send(());
    });
    told
}

/// The certificate and its key, if they were named.
fn read_tls(arguments: &Arguments) -> Result<Option<Tls>, String> {
    let (certificate, key) = match (&arguments.tls_certificate, &arguments.tls_key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        _ => return Err("--tls-cert and --tls-key are needed together".into()),
    };
    let read = |file: &str| std::fs::read(file).map_err(|e| format!("{file}: {e}"));
    Tls::from_pem(&read(certificate)?, &read(key)?)
        .map(Some)
        .map_err(|e| match std::error::Error::source(&e) {
            Some(source) => format!("{certificate}, {key}: {e}: {source}"),
            None => format!("{certificate}, {key}: {e}"),
        })
}

/// Listens for what asks the process to stop.
#[cfg(unix)]
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Stop {
    fn new() -> Result<Self, String> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(|e| e.to_string())?,
            terminate: signal(SignalKind::terminate()).map_err(|e| e.to_string())?,
        })
    }

    async fn asked(mut self) -> Result<(), String> {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        Ok(())
    }
}

#[cfg(not(unix))]
struct Stop;

#[cfg(not(unix))]
impl Stop {
    fn new() -> Result<Self, String> {
        Ok(Self)
    }

    async fn asked(self) -> Result<(), String> {
        tokio::signal::ctrl_c().await.map_err(|e| e.to_string())
    }
}
