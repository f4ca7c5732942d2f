//! Making the keys that an account has never had, and no others (crypto-and-accounts 3.4, 3.5; SDK `MegaClient::initializekeys` and
//! `MegaClient::upgradeSecurity` in `src/megaclient.cpp`).
//!
//! Every step begins with what the service has at that moment, makes one thing that is missing there, and ends by looking whether the service
//! shows it. So what another client makes meanwhile is found and left alone, and a lost reply is settled by looking.

use mega_crypto::account_keys::{Authring, KeySignature, KeysEdit, NewAccountKeys, PublishedKeys};
use mega_crypto::rsa::{Expected, RsaPrivateKey, RsaPublicKey};
use mega_crypto::{MasterKey, ShareKey, tlv};
use mega_protocol::commands::{FetchUserData, SetKeyPair, SetUserAttributes, UserData};
use mega_protocol::{ApiCode, Blob, NodeHandle};

use super::Account;
use super::guard::unix_now;
use crate::chance::rng;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::account_keys::Edit;
use crate::{Client, blocking};

/// A part of an account's keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum KeyPart {
    /// The RSA key pair of 2048 bits, to receive what is encrypted for the account in the old way.
    Rsa,
    /// The Ed25519 key pair (`+puEd255`) that signs the others.
    Ed25519,
    /// The X25519 key pair (`+puCu255`) that share keys are handed over with.
    X25519,
    /// The signature of the X25519 public key (`+sigCu255`).
    X25519Signature,
    /// The signature of the RSA public key (`+sigPubk`).
    RsaSignature,
    /// The private keys in the form for older clients (`*keyring`).
    Keyring,
    /// The private keys in the form in force (`^!keys`), with the keys of existing shares.
    Keys,
    /// The copy of the RSA private key within `^!keys`.
    RsaCopy,
}

/// How many steps there may be. Each makes something or finds that another client has; five would do.
const STEPS: usize = 12;

impl Client {
    /// Makes the keys that the account does not have, and stores them with the service: RSA, Ed25519 and X25519 key pairs, the signatures over the
    /// public ones, and the containers of the private ones. Returns what was made: nothing if the account had everything.
    ///
    /// A freshly confirmed account has no keys until a client makes them. One's own files work without; sharing needs them. Keys that exist are
    /// never replaced or repaired, whoever made them and however few there are: an account that has some of them in a state that no client leaves
    /// behind is refused (crypto-and-accounts 3.4, 3.5, 3.7). Two clients may do this at once; one of them makes each part. In an account that has
    /// shared folders already, their keys go into `^!keys` as not trusted.
    ///
    /// # Errors
    ///
    /// [`Precondition`](ErrorKind::Precondition) when the account's keys are incomplete or damaged, or other clients keep writing; nothing was
    /// overwritten then. [`Key`](ErrorKind::Key) when the service shows other keys than it took.
    ///
    /// Cancel safety: parts that were sent may be stored. Calling it again makes the rest.
    ///
    /// ```
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = mega_testserver::TestServer::start().await?;
    /// # server.account("me@example.com", "secret").bare().create();
    /// # let mega = mega_client::Client::builder().origin(server.url());
    /// # let mega = mega.login(mega_client::Credentials::new("me@example.com", "secret")).await?;
    /// use mega_client::KeyPart;
    ///
    /// // An old account: it has an RSA key pair and nothing else.
    /// let made = mega.make_keys().await?;
    /// assert!(made.contains(&KeyPart::Ed25519) && !made.contains(&KeyPart::Rsa));
    /// assert!(mega.make_keys().await?.is_empty());
    /// # Ok(()) }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
    /// ```
    pub async fn make_keys(&self) -> Result<Vec<KeyPart>> {
        self.make_missing_keys()
            .await
            .map_err(|error| error.during("make keys"))
    }

    async fn make_missing_keys(&self) -> Result<Vec<KeyPart>> {
        let account = self.account()?;
        let mut made = Vec::new();
        let mut sent: Option<Sent> = None;
        for _ in 0..STEPS {
            let data = self.ask(FetchUserData::new()).await?;
            if data.user.is_some_and(|user| user != account.user) {
                return Err(super::login::rejected());
            }
            let mut own_pair = None;
            if let Some(sent) = sent.take() {
                if sent.is_shown_by(&data) {
                    made.extend(sent.parts);
                    own_pair = sent.pair;
                } else if sent.taken {
                    return Err(Error::new(
                        ErrorKind::Key,
                        "the service shows other keys than those it has just taken",
                    ));
                }
            }
            match self.next_step(account, &data, own_pair).await? {
                Step::Nothing => return Ok(made),
                Step::CopyRsa(pair) => {
                    self.copy_rsa(*pair).await?;
                    made.push(KeyPart::RsaCopy);
                }
                Step::Send(next) => sent = Some(self.send_keys(*next).await?),
            }
        }
        Err(Error::new(
            ErrorKind::Precondition,
            "other clients keep changing the keys of the account; try again",
        ))
    }

    /// Sends one step. That another client was faster is no error: the next look tells what there is now.
    async fn send_keys(&self, mut sent: Sent) -> Result<Sent> {
        let result = match sent.command.take() {
            Some(Command::Pair(command)) => self.ask(command).await.map(drop),
            Some(Command::Attributes(command)) => {
                let _turn = self.account()?.changing_keys.lock().await;
                self.change(command).await.map(drop)
            }
            None => Ok(()),
        };
        match result {
            Ok(()) => sent.taken = true,
            Err(error)
                if matches!(error.code(), Some(ApiCode::EEXIST | ApiCode::EEXPIRED))
                    || error.kind() == ErrorKind::OutcomeUnknown =>
            {
                self.doubt(&error).end(Ok(()))?;
            }
            Err(error) => return Err(error),
        }
        Ok(sent)
    }

    /// What is missing first.
    async fn next_step(
        &self,
        account: &Account,
        data: &UserData,
        own_pair: Option<OwnPair>,
    ) -> Result<Step> {
        let found = Found::read(data)?;
        let owner = mega_crypto::UserHandle::from_bytes(account.user.to_bytes());
        let known = account.keys_generation();
        if known.is_some() && found.keys.is_none() {
            return Err(refused(
                "the service no longer shows the `^!keys` that this client has seen",
            ));
        }
        let pair = match (&data.private_key, &data.public_key) {
            (None, None) => None,
            (Some(private), Some(public)) => {
                Some(open_pair(account, private, public, own_pair).await?)
            }
            _ => return Err(refused("the account has one half of an RSA key pair")),
        };
        let public = pair.as_ref().map(|pair| &pair.public);
        let published = found.published();
        let unsound =
            |error| refused("the account's keys are incomplete or damaged").caused_by(error);
        if published.are_absent() {
            return match pair {
                None => Ok(Step::send(new_pair(account).await?)),
                Some(pair) => self.new_keys(account, &published, &pair).map(Step::send),
            };
        }
        if published.keys.is_none() {
            let legacy = published
                .load_legacy(&account.master, owner, public)
                .map_err(unsound)?;
            let Some(pair) = pair else {
                return Err(refused("the account has signing keys and no RSA key pair"));
            };
            if published.lacks_rsa_signature(Some(&pair.public)) {
                return Ok(Step::send(rsa_signature(legacy.ed25519(), &pair.public)));
            }
            return self.upgraded(account, data, legacy, &pair).map(Step::send);
        }
        let keys = published
            .load(&account.master, owner, known, public)
            .map_err(unsound)?;
        account.saw_keys(keys.generation());
        let Some(pair) = pair else {
            // An account that had chat keys before it was confirmed. Was there ever an RSA key, then it is in the container.
            if keys.rsa().is_some() || published.rsa_signature.is_some() {
                return Err(refused("the account's RSA key pair has vanished"));
            }
            return Ok(Step::send(new_pair(account).await?));
        };
        match keys.rsa() {
            Some(copy) if !copy.is_of(&pair.private) => Err(refused(
                "the RSA key pair is not the one that `^!keys` holds",
            )),
            _ if published.lacks_rsa_signature(Some(&pair.public)) => {
                Ok(Step::send(rsa_signature(keys.ed25519(), &pair.public)))
            }
            Some(_) => Ok(Step::Nothing),
            None => Ok(Step::CopyRsa(Box::new(pair.private))),
        }
    }

    async fn copy_rsa(&self, pair: RsaPrivateKey) -> Result<()> {
        let pair = std::sync::Arc::new(pair);
        self.change_account_keys(|keys| {
            let there = keys.rsa().is_some_and(|copy| copy.is_of(&pair));
            let pair = std::sync::Arc::clone(&pair);
            let edit: Edit = Box::new(move |edit| edit.add_rsa(&pair));
            Ok(((), (!there).then_some(edit)))
        })
        .await
    }

    /// All six attributes in one command, as they must be (crypto-and-accounts 3.5).
    fn new_keys(
        &self,
        account: &Account,
        published: &PublishedKeys<'_>,
        pair: &OpenPair,
    ) -> Result<Sent> {
        let owner = mega_crypto::UserHandle::from_bytes(account.user.to_bytes());
        let new = NewAccountKeys::generate_with(
            published,
            owner,
            unix_now(),
            Some((&pair.public, &pair.private)),
            &account.master,
            &mut rng(),
            |edit| self.move_share_keys(edit),
        )
        .map_err(unmade)?;
        let mut sent = Sent::of(&[
            KeyPart::Ed25519,
            KeyPart::X25519,
            KeyPart::X25519Signature,
            KeyPart::RsaSignature,
            KeyPart::Keyring,
            KeyPart::Keys,
        ]);
        let mut command = SetUserAttributes::new();
        for (name, value) in new.attributes() {
            sent.shown.push((name, value.clone()));
            command = command.with(name, value, None);
        }
        sent.command = Some(Command::Attributes(command));
        Ok(sent)
    }

    /// The first `^!keys` of an account whose private keys are in `*keyring` alone.
    fn upgraded(
        &self,
        account: &Account,
        data: &UserData,
        legacy: mega_crypto::account_keys::LegacyKeys,
        pair: &OpenPair,
    ) -> Result<Sent> {
        let write = legacy
            .upgrade(
                unix_now(),
                Some(&pair.private),
                authring(data, "*!authring", &account.master)?,
                authring(data, "*!authCu255", &account.master)?,
                &account.master,
                &mut rng(),
                |edit| self.move_share_keys(edit),
            )
            .map_err(unmade)?;
        let mut sent = Sent::of(&[KeyPart::Keys]);
        sent.shown.push(("^!keys", write.attribute().to_vec()));
        let command = SetUserAttributes::new().with("^!keys", write.attribute(), None);
        sent.command = Some(Command::Attributes(command));
        Ok(sent)
    }

    /// The keys of existing shares go along, as not trusted: the service may know them.
    fn move_share_keys(&self, edit: &mut KeysEdit<'_>) -> Result<(), mega_crypto::Error> {
        let known: Vec<(NodeHandle, ShareKey)> = self.with_keyring(|keyring| {
            let shares = keyring.shares();
            shares.map(|(root, key)| (root, key.clone())).collect()
        });
        for (root, key) in known {
            let own = self.with_tree(|tree, _| {
                tree.find(root)
                    .is_some_and(|index| tree.share(index).is_none())
            });
            let node = mega_crypto::NodeHandle::from_bytes(root.to_bytes());
            edit.add_share_key(node, &key, false)?;
            edit.set_share_in_use(node, own)?;
        }
        Ok(())
    }
}

/// What is to be done next.
enum Step {
    Nothing,
    /// The RSA private key goes into `^!keys`.
    CopyRsa(Box<RsaPrivateKey>),
    Send(Box<Sent>),
}

impl Step {
    fn send(sent: Sent) -> Self {
        Self::Send(Box::new(sent))
    }
}

/// What was sent, and how one sees that the service has it.
struct Sent {
    parts: Vec<KeyPart>,
    command: Option<Command>,
    /// The service said yes.
    taken: bool,
    shown: Vec<(&'static str, Vec<u8>)>,
    pair: Option<OwnPair>,
}

enum Command {
    Pair(SetKeyPair),
    Attributes(SetUserAttributes),
}

/// A pair that was made here, in the form in which it was sent: it need not be tested again.
struct OwnPair {
    private: RsaPrivateKey,
    sealed: Vec<u8>,
    public: Vec<u8>,
}

impl Sent {
    fn of(parts: &[KeyPart]) -> Self {
        Self {
            parts: parts.to_vec(),
            command: None,
            taken: false,
            shown: Vec::new(),
            pair: None,
        }
    }

    fn is_shown_by(&self, data: &UserData) -> bool {
        let same =
            |shown: Option<&Blob>, sent: &[u8]| shown.is_some_and(|shown| shown.as_bytes() == sent);
        let pair = self.pair.as_ref().is_none_or(|pair| {
            same(data.private_key.as_ref(), &pair.sealed)
                && same(data.public_key.as_ref(), &pair.public)
        });
        let mut attributes = self.shown.iter();
        pair && attributes.all(|(name, sent)| {
            let shown = data.attributes.get(*name).and_then(|value| value.decode());
            same(shown.as_ref(), sent)
        })
    }
}

/// The six attributes, decoded.
struct Found {
    ed25519: Option<Blob>,
    x25519: Option<Blob>,
    x25519_signature: Option<Blob>,
    rsa_signature: Option<Blob>,
    keyring: Option<Blob>,
    keys: Option<Blob>,
}

impl Found {
    fn read(data: &UserData) -> Result<Self> {
        let read = |name: &str| match data.attributes.get(name) {
            None => Ok(None),
            Some(value) => match value.decode() {
                Some(bytes) => Ok(Some(bytes)),
                // It is there, so it must not be made.
                None => Err(refused("a key of the account is not in base64")),
            },
        };
        Ok(Self {
            ed25519: read("+puEd255")?,
            x25519: read("+puCu255")?,
            x25519_signature: read("+sigCu255")?,
            rsa_signature: read("+sigPubk")?,
            keyring: read("*keyring")?,
            keys: read("^!keys")?,
        })
    }

    fn published(&self) -> PublishedKeys<'_> {
        fn bytes(blob: &Option<Blob>) -> Option<&[u8]> {
            blob.as_ref().map(Blob::as_bytes)
        }
        PublishedKeys {
            ed25519: bytes(&self.ed25519),
            x25519: bytes(&self.x25519),
            x25519_signature: bytes(&self.x25519_signature),
            rsa_signature: bytes(&self.rsa_signature),
            keyring: bytes(&self.keyring),
            keys: bytes(&self.keys),
        }
    }
}

/// The account's RSA key pair.
struct OpenPair {
    private: RsaPrivateKey,
    public: RsaPublicKey,
}

/// Opens the pair that the service has, which another client may have made.
async fn open_pair(
    account: &Account,
    private: &Blob,
    public: &Blob,
    own: Option<OwnPair>,
) -> Result<OpenPair> {
    let damaged = |error| refused("the account's RSA key pair is damaged").caused_by(error);
    let public_key = RsaPublicKey::from_bytes(public.as_bytes()).map_err(damaged)?;
    if let Some(own) = own
        && own.sealed == private.as_bytes()
        && own.public == public.as_bytes()
    {
        return Ok(OpenPair {
            private: own.private,
            public: public_key,
        });
    }
    let (sealed, master) = (
        private.as_bytes().to_vec(),
        MasterKey::from_bytes(*account.master.expose_secret()),
    );
    blocking(move || {
        let expected = Expected {
            public: Some(&public_key),
            ..Expected::default()
        };
        let private =
            RsaPrivateKey::open(&sealed, &master, &expected, &mut rng()).map_err(damaged)?;
        Ok(OpenPair {
            private,
            public: public_key,
        })
    })
    .await
}

/// A new RSA key pair, to be sent.
async fn new_pair(account: &Account) -> Result<Sent> {
    let private = blocking(|| Ok(RsaPrivateKey::generate(&mut rng()))).await?;
    let sealed = private.seal(&account.master, &mut rng());
    let public = private.public_key().to_bytes();
    let mut sent = Sent::of(&[KeyPart::Rsa]);
    sent.command = Some(Command::Pair(SetKeyPair::new(
        sealed.clone(),
        public.clone(),
    )));
    sent.pair = Some(OwnPair {
        private,
        sealed,
        public,
    });
    Ok(sent)
}

/// The signature alone; it is the one part that the official client adds to keys that exist.
fn rsa_signature(
    signer: &mega_crypto::account_keys::Ed25519PrivateKey,
    public: &RsaPublicKey,
) -> Sent {
    let signature = KeySignature::sign_rsa(signer, public, unix_now()).to_bytes();
    let mut sent = Sent::of(&[KeyPart::RsaSignature]);
    sent.shown.push(("+sigPubk", signature.to_vec()));
    let command = SetUserAttributes::new().with("+sigPubk", signature.to_vec(), None);
    sent.command = Some(Command::Attributes(command));
    sent
}

/// What an old account knows about the keys of its contacts. A record that cannot be read must not be replaced by an empty one: that would make
/// every key of a contact welcome again (KEY-9).
fn authring(data: &UserData, name: &str, master: &MasterKey) -> Result<Authring> {
    let Some(value) = data.attributes.get(name) else {
        return Ok(Authring::new());
    };
    let damaged = || refused("what the account knows about the keys of contacts is damaged");
    let container = value.decode().ok_or_else(damaged)?;
    let records =
        tlv::open(container.as_bytes(), master).map_err(|error| damaged().caused_by(error))?;
    Authring::from_records(&records).map_err(|error| damaged().caused_by(error))
}

fn refused(why: &str) -> Error {
    Error::new(
        ErrorKind::Precondition,
        format!("{why}; making others could destroy what was encrypted for them"),
    )
}

fn unmade(error: mega_crypto::Error) -> Error {
    Error::new(ErrorKind::Key, "the keys cannot be put together").caused_by(error)
}
