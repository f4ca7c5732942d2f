//! The account's own keys, as they are read when it is opened (crypto-and-accounts 3.6).

use mega_crypto::account_keys::{AccountKeys, Generation};
use mega_protocol::commands::AttributeValue;
use mega_protocol::{Blob, NodeHandle};

use super::open::Opening;
use crate::error::{Error, ErrorKind, Result};
use crate::keyring::Keyring;

/// Takes the share keys out of `^!keys`. Reading it is always safe (crypto-and-accounts 3.7); what cannot be read is left alone, and the nodes in those
/// shares stay closed. Gives the generation of what was read.
///
/// # Errors
///
/// [`ServerMaterialRejected`](ErrorKind::ServerMaterialRejected) when the session remembers a later generation, or there is nothing any more (KEY-10, ATT-13): what was
/// taken back since, a share for one, would be in force again.
pub(super) fn read_share_keys(
    value: Option<&AttributeValue>,
    opening: &Opening,
    keyring: &mut Keyring,
) -> Result<Option<Generation>> {
    let rolled_back = || {
        Error::new(
            ErrorKind::ServerMaterialRejected,
            "the service shows earlier keys of the account than this session has seen",
        )
    };
    let Some(value) = value else {
        return match opening.generation {
            Some(_) => Err(rolled_back()),
            None => Ok(None),
        };
    };
    let owner = mega_crypto::UserHandle::from_bytes(opening.user.to_bytes());
    let open =
        |blob: Blob| AccountKeys::open(blob.as_bytes(), &opening.master, owner, opening.generation);
    let keys = match value.decode().map(open) {
        Some(Ok(keys)) => keys,
        Some(Err(error @ mega_crypto::Error::Downgrade { .. })) => {
            return Err(rolled_back().caused_by(error));
        }
        Some(Err(_)) | None => {
            tracing::warn!("the account's ^!keys cannot be read; shared folders stay closed");
            return Ok(None);
        }
    };
    for stored in keys.share_keys() {
        if let Ok(key) = stored.key() {
            keyring.add_share(NodeHandle::from_bytes(stored.node().to_bytes()), key);
        }
    }
    Ok(Some(keys.generation()))
}
