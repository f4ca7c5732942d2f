use mega_crypto::account::{
    AnonymousCredentials, ConfirmationCode, NewAccount, check_ownership_proof,
};
use mega_crypto::{MasterKey, UserHandle, base64, os_rng};

#[test]
fn a_new_account_opens_with_its_credentials() {
    let account = NewAccount::random(&mut os_rng());
    let user = UserHandle::from_bytes([7; 8]);
    let text = account.credentials(user).to_text();
    let credentials = AnonymousCredentials::from_text(&text).unwrap();
    assert_eq!(credentials.user, user);
    let master = MasterKey::unwrap(&credentials.password_key, &account.wrapped_master_key());
    assert_eq!(master, *account.master());
    assert!(check_ownership_proof(&master, &account.proof()));
    for bad in [
        "",
        "#",
        "AAAAAAAAAAA",
        "AAAAAAAAAAA#short",
        "AAAAAAAAAA#AAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert!(AnonymousCredentials::from_text(bad).is_err(), "{bad}");
    }
}

#[test]
fn confirmation_codes_are_read_from_their_link() {
    let code = ConfirmationCode::new(&[5; 15], "jane@example.com", "Jane\tDoe é", &[6; 8]).unwrap();
    for form in [
        "https://mega.nz/#confirm",
        "https://mega.nz/confirm",
        "confirm",
        "",
    ] {
        let read = ConfirmationCode::parse(&format!(" {form}{}\n", code.to_text())).unwrap();
        assert_eq!(
            (read.email(), read.name()),
            ("jane@example.com", "Jane\tDoe é")
        );
        assert_eq!(read.to_text(), code.to_text());
    }
    let bytes = base64::decode(code.to_text()).unwrap();
    assert!(ConfirmationCode::parse(&base64::encode(&bytes[1..])).is_err());
    assert!(ConfirmationCode::parse(&base64::encode(&bytes[..30])).is_err());
    assert!(ConfirmationCode::new(&[5; 15], "a\tb", "", &[6; 8]).is_err());
}

#[test]
fn recovery_keys_are_the_master_key_as_text() {
    let master = MasterKey::from_bytes([0xd4; 16]);
    assert_eq!(*master.to_recovery_key(), "1NTU1NTU1NTU1NTU1NTU1A");
    assert_eq!(
        MasterKey::from_recovery_key(" 1NTU1NTU1NTU1NTU1NTU1A \n").unwrap(),
        master
    );
    assert!(MasterKey::from_recovery_key("1NTU1NTU1NTU1NTU1NTU").is_err());
}
