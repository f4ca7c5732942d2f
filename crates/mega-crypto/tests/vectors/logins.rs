use mega_crypto::login::{self, Reply, ResumeReply, SessionMaterial};
use mega_crypto::rsa::Expected;
use mega_crypto::{
    Error, MasterKey, PasswordKey, SessionKey, StoredAccount, StoredMaster, UserHandle, account,
    base64, os_rng,
};
use serde_json::Value;

use crate::support::{VECTORS, Vector};

fn reply<'a>(case: &Value, session: SessionMaterial<'a>) -> Reply<'a> {
    Reply {
        user: case.str("u_b64").parse().unwrap(),
        k: base64::decode_array(case.str("k_b64")).unwrap(),
        session,
    }
}

fn password_key(case: &Value) -> PasswordKey {
    PasswordKey::from_bytes(case.array("password_or_derived_key"))
}

#[test]
pub(crate) fn temporary_session_ids_prove_the_master_key() {
    for case in VECTORS.list("login_tsid") {
        let tsid = case.b64("tsid_b64");
        let reply = reply(case, SessionMaterial::Temporary { tsid: &tsid });
        let signed_in = login::sign_in(
            &password_key(case),
            &reply,
            &Expected::default(),
            &mut os_rng(),
        );
        if case.bool("valid") {
            let account = signed_in.unwrap();
            assert!(account.confirmed && account.private_key.is_none());
            assert_eq!(account.master.expose_secret()[..], case.hex("master_key"));
            assert_eq!(*account.session.to_text(), case.str("sid_query"));
        } else {
            assert_eq!(
                signed_in.unwrap_err(),
                Error::LoginRejected,
                "{}",
                case.str("name")
            );
            // The session id is not used, and so is not known.
            assert_eq!(case.opt_str("sid_query"), None);
            if let Some(master) = case.opt_hex("master_key") {
                // The password was right, and only the session id was not.
                let k = base64::decode_array(case.str("k_b64")).unwrap();
                let opened = MasterKey::unwrap(&password_key(case), &k);
                assert_eq!(opened.expose_secret()[..], master);
            }
        }
    }
}

#[test]
fn log_4_temporary_session_ids_of_another_account_are_refused() {
    let case = &VECTORS.list("login_tsid")[0];
    let tsid = case.b64("tsid_b64");
    let reply = Reply {
        user: UserHandle::from_bytes([1; 8]),
        ..reply(case, SessionMaterial::Temporary { tsid: &tsid })
    };
    let refused = login::sign_in(
        &password_key(case),
        &reply,
        &Expected::default(),
        &mut os_rng(),
    );
    assert_eq!(refused.unwrap_err(), Error::LoginRejected);
}

#[test]
pub(crate) fn encrypted_session_ids_are_opened_or_refused() {
    let (mut good, mut bad) = (0, 0);
    for account in VECTORS.list("login_csid") {
        let privk = account["rsa"].b64("privk_b64");
        for case in account.list("csid") {
            let csid = case.b64("csid_b64");
            let reply = reply(
                account,
                SessionMaterial::Encrypted {
                    csid: &csid,
                    privk: &privk,
                },
            );
            let signed_in = login::sign_in(
                &password_key(account),
                &reply,
                &Expected::default(),
                &mut os_rng(),
            );
            if case.bool("valid") {
                let signed_in = signed_in.unwrap();
                assert_eq!(*signed_in.session.to_text(), case.str("sid_query"));
                assert_eq!(
                    signed_in.master.expose_secret()[..],
                    account.hex("master_key")
                );
                assert!(signed_in.confirmed && signed_in.private_key.is_some());
                good += 1;
            } else {
                assert_eq!(
                    signed_in.unwrap_err(),
                    Error::LoginRejected,
                    "{}",
                    case.str("name")
                );
                assert_eq!(case.opt_str("sid_query"), None);
                bad += 1;
            }
        }
    }
    assert!(good >= 4 && bad >= 2, "{good} good, {bad} bad");
}

#[test]
fn log_3_a_wrong_password_is_one_opaque_error() {
    let account = &VECTORS.list("login_csid")[0];
    let (privk, csid) = (
        account["rsa"].b64("privk_b64"),
        account.list("csid")[0].b64("csid_b64"),
    );
    let reply = reply(
        account,
        SessionMaterial::Encrypted {
            csid: &csid,
            privk: &privk,
        },
    );
    let wrong = PasswordKey::from_bytes([9; 16]);
    let refused = login::sign_in(&wrong, &reply, &Expected::default(), &mut os_rng());
    assert_eq!(refused.unwrap_err(), Error::LoginRejected);
}

#[test]
fn log_5_resuming_needs_the_same_account_and_the_right_master_key() {
    let account = &VECTORS.list("login_csid")[0];
    let other = &VECTORS.list("login_csid")[1];
    let master = MasterKey::from_bytes(account.array("master_key"));
    let session =
        mega_crypto::SessionId::from_text(account.list("csid")[0].str("sid_query")).unwrap();
    let sek = SessionKey::from_bytes([3; 16]);
    let stored = StoredAccount::seal(&master, session, &sek);
    let privk = account["rsa"].b64("privk_b64");
    let user = account.str("u_b64").parse().unwrap();
    let good = ResumeReply {
        user: Some(user),
        privk: Some(&privk),
        tsid: None,
    };

    let expected = Expected::default();
    let resumed = login::resume(&stored, Some(&sek), &good, &expected, &mut os_rng()).unwrap();
    assert!(resumed.confirmed);
    assert_eq!(resumed.master, master);

    let resume = |stored: &StoredAccount, sek: Option<&SessionKey>, reply: &ResumeReply<'_>| {
        login::resume(stored, sek, reply, &expected, &mut os_rng()).unwrap_err()
    };
    let wrong_sek = SessionKey::from_bytes([4; 16]);
    let foreign_privk = other["rsa"].b64("privk_b64");
    assert_eq!(
        resume(&stored, Some(&wrong_sek), &good),
        Error::LoginRejected
    );
    assert_eq!(resume(&stored, None, &good), Error::LoginRejected);
    let foreign = ResumeReply {
        privk: Some(&foreign_privk),
        ..good
    };
    assert_eq!(resume(&stored, Some(&sek), &foreign), Error::LoginRejected);
    let switched = ResumeReply {
        user: Some(other.str("u_b64").parse().unwrap()),
        ..good
    };
    assert_eq!(resume(&stored, Some(&sek), &switched), Error::LoginRejected);

    // Nothing to check with: usable, but not confirmed.
    let silent = ResumeReply {
        privk: None,
        ..good
    };
    let resumed = login::resume(&stored, Some(&sek), &silent, &expected, &mut os_rng()).unwrap();
    assert!(!resumed.confirmed);
}

#[test]
fn a_temporary_session_confirms_itself_on_resuming() {
    let case = &VECTORS.list("login_tsid")[0];
    let master = MasterKey::from_bytes(case.array("master_key"));
    let session = mega_crypto::SessionId::from_text(case.str("sid_query")).unwrap();
    let stored = StoredAccount {
        master: StoredMaster::Plain(master),
        session,
    };
    let expected = Expected::default();
    let silent = ResumeReply::default();
    assert!(
        login::resume(&stored, None, &silent, &expected, &mut os_rng())
            .unwrap()
            .confirmed
    );
    let tsid = case.b64("tsid_b64");
    let fresh = ResumeReply {
        tsid: Some(&tsid),
        ..silent
    };
    assert!(
        login::resume(&stored, None, &fresh, &expected, &mut os_rng())
            .unwrap()
            .confirmed
    );
    let mut forged = tsid.clone();
    forged[42] ^= 1;
    let forged = ResumeReply {
        tsid: Some(&forged),
        ..silent
    };
    assert!(login::resume(&stored, None, &forged, &expected, &mut os_rng()).is_err());
}

#[test]
pub(crate) fn the_proof_of_a_new_account() {
    let case = &VECTORS["ephemeral_ts"];
    let master = MasterKey::from_bytes(case.array("master_key"));
    let proof = account::ownership_proof(&master, &case.array("challenge"));
    assert_eq!(base64::encode(&proof), case.str("ts_b64"));
    assert!(account::check_ownership_proof(&master, &proof));
    assert!(!account::check_ownership_proof(
        &MasterKey::from_bytes([0; 16]),
        &proof
    ));
}
