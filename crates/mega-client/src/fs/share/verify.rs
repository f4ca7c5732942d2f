//! Whose key it is: the keys of contacts, signed, pinned at first sight, and compared by people (threat model, KEY-9).

use futures::future::{BoxFuture, FutureExt, join3};
use mega_crypto::account_keys::{AccountKeys, ContactKeys, ContactStanding};
use mega_protocol::commands::FetchUserAttribute;
use mega_protocol::{Blob, UserHandle};

use super::Person;
use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::account_keys::Edit;

/// The keys of a contact, whose signature holds.
pub(super) struct Verified {
    pub(super) keys: ContactKeys,
}

impl Client {
    /// The fingerprint of a contact's key, as both of you see it: compare it by another way than MEGA, then
    /// [confirm](Self::confirm_contact) it. 40 hexadecimal digits in groups of four.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) for somebody who is no contact; [`Key`](ErrorKind::Key) when their keys are not signed, or are not those that this
    /// account has seen before.
    ///
    /// Cancel safe: nothing is changed.
    pub fn contact_fingerprint(
        &self,
        person: impl Into<Person>,
    ) -> BoxFuture<'static, Result<String>> {
        let (client, person) = (self.clone(), person.into());
        async move {
            let shown = async {
                let user = client.known_contact(&person)?;
                let verified = client.verified_contact(user).await?;
                client
                    .change_account_keys(|keys| Ok((standing(&verified, keys)?, None)))
                    .await?;
                Ok(grouped(verified.keys.ed25519().fingerprint().as_bytes()))
            };
            shown
                .await
                .map_err(|error: Error| error.during("contact fingerprint").about(person.named()))
        }
        .boxed()
    }

    /// Notes in the account that you have compared the fingerprint of a contact's key: `fingerprint` is what they told you. White space and letter case do
    /// not matter.
    ///
    /// # Errors
    ///
    /// [`Key`](ErrorKind::Key) when it is not the fingerprint of the contact's key; otherwise as for [`contact_fingerprint`](Self::contact_fingerprint).
    ///
    /// Cancel safety: once sent, it is noted. Repeat it until it succeeds.
    pub fn confirm_contact(
        &self,
        person: impl Into<Person>,
        fingerprint: impl Into<String>,
    ) -> BoxFuture<'static, Result<()>> {
        let (client, person, told) = (self.clone(), person.into(), fingerprint.into());
        async move {
            let confirmed = async {
                let user = client.known_contact(&person)?;
                let verified = client.verified_contact(user).await?;
                let plain = |text: &str| -> String {
                    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
                };
                let real = grouped(verified.keys.ed25519().fingerprint().as_bytes());
                if plain(&told) != plain(&real) {
                    return Err(Error::new(
                        ErrorKind::Key,
                        "this is not the fingerprint of the key that the service gives out for the contact",
                    ));
                }
                let keys = verified.keys;
                client
                    .change_account_keys(|known| {
                        let done = standing(&verified, known)? == ContactStanding::Compared;
                        let edit: Edit = Box::new(move |edit| edit.track_compared(&keys));
                        Ok(((), (!done).then_some(edit)))
                    })
                    .await
            };
            confirmed
                .await
                .map_err(|error: Error| error.during("confirm contact").about(person.named()))
        }
        .boxed()
    }

    fn known_contact(&self, person: &Person) -> Result<UserHandle> {
        self.account()?;
        self.contact_of(person)
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "there is no such contact"))
    }

    /// Asks for the keys of a contact and checks their signature. Whether they are the ones seen before is checked where they are used.
    pub(super) async fn verified_contact(&self, user: UserHandle) -> Result<Verified> {
        let ask = |name| self.ask(FetchUserAttribute::new(user, name));
        let (signing, agreement, signature) =
            join3(ask("+puEd255"), ask("+puCu255"), ask("+sigCu255")).await;
        let bytes = |value: Result<mega_protocol::commands::AttributeValue>| -> Result<Blob> {
            let missing = || {
                Error::new(
                    ErrorKind::Key,
                    "the contact has no keys for safe sharing; they must use a current client once",
                )
            };
            match value {
                Ok(value) => value.decode().ok_or_else(missing),
                Err(error) if error.kind() == ErrorKind::NotFound => Err(missing()),
                Err(error) => Err(error),
            }
        };
        let (signing, agreement, signature) =
            (bytes(signing)?, bytes(agreement)?, bytes(signature)?);
        let handle = mega_crypto::UserHandle::from_bytes(user.to_bytes());
        let keys = ContactKeys::new(
            handle,
            signing.as_bytes(),
            agreement.as_bytes(),
            signature.as_bytes(),
        )
        .map_err(|error| {
            Error::new(
                ErrorKind::Key,
                "the keys of the contact are not properly signed",
            )
            .caused_by(error)
        })?;
        Ok(Verified { keys })
    }
}

/// What the account knows about the keys of a contact; other keys than before are an error (ATT-12).
pub(super) fn standing(contact: &Verified, keys: &AccountKeys) -> Result<ContactStanding> {
    contact.keys.standing(keys).map_err(|error| {
        Error::new(
            ErrorKind::Key,
            "the contact has other keys than before; nothing is shared until that is cleared up with them",
        )
        .caused_by(error)
    })
}

pub(super) fn unusable(error: mega_crypto::Error) -> Error {
    Error::new(ErrorKind::Key, "a share key in the account cannot be used").caused_by(error)
}

fn grouped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(3));
    for (at, pair) in bytes.chunks(2).enumerate() {
        if at > 0 {
            text.push(' ');
        }
        for byte in pair {
            text.push_str(&format!("{byte:02x}"));
        }
    }
    text
}
