//! What the service answers to a login, and keys wrapped to a public key.

use std::sync::LazyLock;

use mega_crypto::login::{self, Reply, ResumeReply, SessionMaterial};
use mega_crypto::rsa::{Expected, RsaPrivateKey};
use mega_crypto::{Error, MasterKey, PasswordKey, SessionId, StoredSession, UserHandle};

use crate::input::Input;
use crate::random::Counter;

/// Session ids of both forms for a known account, and an account resumed with any answer: everything
/// that is wrong has the one error, and what is accepted names the account (LOG-4).
pub fn logins(input: &[u8]) {
    let mut rest = Input(input);
    let user = UserHandle::from_bytes(rest.array());
    let k: [u8; 16] = rest.array();
    let password_key = PasswordKey::from_bytes(MASTER);
    let reply = Reply {
        user,
        k,
        session: SessionMaterial::Temporary { tsid: rest.0 },
    };
    match login::sign_in(&password_key, &reply, &Expected::default(), &mut Counter(1)) {
        Ok(account) => assert!(account.confirmed && account.session.user() == user),
        Err(error) => assert_eq!(error, Error::LoginRejected),
    }
    // The one who knows the master key makes a good one.
    let master = MasterKey::unwrap(&password_key, &k);
    let mut tsid = [0; SessionId::LEN];
    tsid[..16].copy_from_slice(&k);
    tsid[16..27].copy_from_slice(user.to_string().as_bytes());
    let proof = master.cipher().encrypt_block(k);
    tsid[27..].copy_from_slice(&proof);
    let reply = Reply {
        session: SessionMaterial::Temporary { tsid: &tsid },
        ..reply
    };
    let signed_in = login::sign_in(&password_key, &reply, &Expected::default(), &mut Counter(1));
    assert!(signed_in.is_ok_and(|account| account.master == master));

    // A known private key, any ciphertext.
    let mut rest = Input(input);
    let user = UserHandle::from_bytes(rest.array());
    match login::decrypt_session(&KEY, rest.0, user, &mut Counter(2)) {
        Ok(session) => assert_eq!(session.user(), user),
        Err(error) => assert_eq!(error, Error::LoginRejected),
    }
    let _ = KEY.decrypt_share_key(rest.0, &mut Counter(3));

    if let Ok(StoredSession::Account(stored)) = StoredSession::from_bytes(input) {
        let session = stored.session.to_text();
        let reply = ResumeReply {
            user: None,
            privk: None,
            tsid: Some(&input[input.len() - SessionId::LEN..]),
        };
        for reply in [ResumeReply::default(), reply] {
            let resumed =
                login::resume(&stored, None, &reply, &Expected::default(), &mut Counter(4));
            if let Ok(account) = resumed {
                assert_eq!(account.session.user(), stored.session.user());
                assert!(reply.tsid.is_some() || account.session.to_text() == session);
            }
        }
    }
}

static KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| {
    let sealed = include_bytes!("../data/privk.bin");
    let master = MasterKey::from_bytes(MASTER);
    RsaPrivateKey::open(sealed, &master, &Expected::default(), &mut Counter(5)).expect("a good key")
});

const MASTER: [u8; 16] = *include_bytes!("../data/master-key.bin");
