//! The exact bytes of every command, against api-and-transfers 5 and 11 and crypto-and-accounts 2.

use mega_protocol::commands::*;
use mega_protocol::storage::UploadToken;
use mega_protocol::{
    AccessLevel, Command, EncodedCommand, Lane, NodeHandle, NodeKind, PublicHandle, UserHandle,
};

fn node(text: &str) -> NodeHandle {
    text.parse().unwrap()
}

fn user() -> UserHandle {
    "AAAAAAAAAAE".parse().unwrap()
}

fn link() -> PublicHandle {
    "pubAAAAA".parse().unwrap()
}

#[track_caller]
fn bytes(command: impl Command, expected: &str) {
    let encoded = EncodedCommand::new(&command);
    assert_eq!(
        std::str::from_utf8(encoded.expose_json()).unwrap(),
        expected
    );
    assert_eq!(encoded.name(), command.name());
    serde_json::from_slice::<serde_json::Value>(encoded.expose_json()).expect("it is JSON");
}

const ZERO16: &str = "AAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn signing_in() {
    bytes(Prelogin::new("a@b.c"), r#"{"a":"us0","user":"a@b.c"}"#);
    let mut login = Login::new("a@b.c", [0; 16]);
    bytes(
        login.clone(),
        &format!(r#"{{"a":"us","user":"a@b.c","uh":"{ZERO16}"}}"#),
    );
    login.second_factor = Some("123456".into());
    login.session_key = Some([0; 16].into());
    login.device = Some([1, 2, 3].into());
    bytes(
        login,
        &format!(
            r#"{{"a":"us","user":"a@b.c","uh":"{ZERO16}","mfa":"123456","sek":"{ZERO16}","si":"AQID"}}"#
        ),
    );
    bytes(
        Login::ephemeral(user()),
        r#"{"a":"us","user":"AAAAAAAAAAE"}"#,
    );
    let mut resume = ResumeSession::new([0; 16]);
    resume.sequence_number = Some("AAAAAAAAAAE".parse().unwrap());
    bytes(
        resume,
        &format!(r#"{{"a":"us","sek":"{ZERO16}","sn":"AAAAAAAAAAE"}}"#),
    );
    bytes(CopySession::new(), r#"{"a":"us","c":1}"#);
    bytes(Logout::new(), r#"{"a":"sml"}"#);
    bytes(ListSessions::new(), r#"{"a":"usl","x":1,"d":1}"#);
    bytes(EndSessions::Others, r#"{"a":"usr","ko":1}"#);
    bytes(
        EndSessions::These(vec!["AAAAAAAAAAE".parse().unwrap()]),
        r#"{"a":"usr","s":["AAAAAAAAAAE"]}"#,
    );
    bytes(WhyAmIBlocked::new(), r#"{"a":"whyamiblocked"}"#);
}

#[test]
fn the_account() {
    bytes(FetchUserData::new(), r#"{"a":"ug","v":1}"#);
    bytes(
        FetchQuota::new(),
        r#"{"a":"uq","strg":1,"xfer":1,"pro":1,"src":-1,"v":2}"#,
    );
    bytes(CheckTransferQuota::new(5), r#"{"a":"qbq","s":5}"#);
    bytes(
        FetchUserAttribute::new(user(), "^!keys"),
        r#"{"a":"uga","u":"AAAAAAAAAAE","ua":"^!keys","v":1}"#,
    );
    bytes(
        SetUserAttribute::new("firstname", *b"ABC"),
        r#"{"a":"up2","firstname":"QUJD"}"#,
    );
    bytes(
        SetUserAttributes::new()
            .with("^!keys", *b"ABC", Some("v1".into()))
            .with("*keyring", *b"ABC", None),
        r#"{"a":"upv","^!keys":["QUJD","v1"],"*keyring":["QUJD"]}"#,
    );
    bytes(
        RemoveUserAttribute::new("x"),
        r#"{"a":"upr","ua":"x","v":1}"#,
    );
    bytes(
        SetKeyPair::new(*b"ABC", *b"ABC"),
        r#"{"a":"up","privk":"QUJD","pubk":"QUJD"}"#,
    );
    bytes(
        CreateEphemeral::new([0; 16], [0; 32]),
        &format!(r#"{{"a":"up","k":"{ZERO16}","ts":"{}"}}"#, "A".repeat(43)),
    );
    let v2 = PasswordProof::V2 {
        hashed_auth_key: [0; 16].into(),
        client_random: [0; 16],
    };
    let mut change = ChangePassword::new([0; 16], v2);
    change.second_factor = Some("123456".into());
    bytes(
        change,
        &format!(r#"{{"a":"up","k":"{ZERO16}","uh":"{ZERO16}","crv":"{ZERO16}","mfa":"123456"}}"#),
    );
    let v1 = PasswordProof::V1 {
        hash: [0; 8].into(),
    };
    bytes(
        ChangePassword::new([0; 16], v1),
        &format!(r#"{{"a":"up","k":"{ZERO16}","uh":"AAAAAAAAAAA"}}"#),
    );
    bytes(
        UpgradeAccount::new([0; 16], [0; 16], [0; 16]),
        &format!(r#"{{"a":"avu","emk":"{ZERO16}","hak":"{ZERO16}","crv":"{ZERO16}"}}"#),
    );
}

#[test]
fn making_and_recovering_accounts() {
    bytes(
        RequestConfirmation::new("ABC", "ABC", [0; 16], [0; 16], [0; 16]),
        &format!(
            r#"{{"a":"uc2","n":"QUJD","m":"QUJD","crv":"{ZERO16}","hak":"{ZERO16}","k":"{ZERO16}","v":2}}"#
        ),
    );
    bytes(
        RequestConfirmation::again("ABC", "ABC"),
        r#"{"a":"uc2","n":"QUJD","m":"QUJD","v":2}"#,
    );
    bytes(CancelRegistration::new(), r#"{"a":"ucr"}"#);
    bytes(
        ConfirmRegistration::new(*b"ABC"),
        r#"{"a":"ud2","c":"QUJD"}"#,
    );
    bytes(
        RequestRecovery::new("a@b.c", RecoveryAction::WithKey),
        r#"{"a":"erm","m":"a@b.c","t":9}"#,
    );
    bytes(
        RequestRecovery::new("a@b.c", RecoveryAction::Close),
        r#"{"a":"erm","m":"a@b.c","t":21}"#,
    );
    bytes(CheckRecoveryCode::new("code"), r#"{"a":"erv","c":"code"}"#);
    bytes(
        FetchRecoveryKeyBlob::new("code"),
        r#"{"a":"erx","r":"gk","c":"code"}"#,
    );
    let proof = PasswordProof::V2 {
        hashed_auth_key: [0; 16].into(),
        client_random: [0; 16],
    };
    bytes(
        FinishRecovery::NewPassword {
            code: "code".into(),
            master_key: [0; 16],
            proof,
        },
        &format!(
            r#"{{"a":"erx","r":"sk","c":"code","x":"{ZERO16}","y":{{"crv":"{ZERO16}","hak":"{ZERO16}"}}}}"#
        ),
    );
    let proof = PasswordProof::V1 {
        hash: [0; 8].into(),
    };
    bytes(
        FinishRecovery::Park {
            code: "code".into(),
            master_key: [0; 16],
            proof,
            challenge: [0; 32],
        },
        &format!(
            r#"{{"a":"erx","c":"code","x":"{ZERO16}","y":"AAAAAAAAAAA","z":"{}"}}"#,
            "A".repeat(43)
        ),
    );
    bytes(
        FinishRecovery::Close {
            code: "code".into(),
        },
        r#"{"a":"erx","c":"code"}"#,
    );
    bytes(
        TwoFactorEnabled::new("a@b.c"),
        r#"{"a":"mfag","e":"a@b.c"}"#,
    );
    bytes(FetchTwoFactorSecret::new(), r#"{"a":"mfas"}"#);
    bytes(
        EnableTwoFactor::new("123456"),
        r#"{"a":"mfas","mfa":"123456"}"#,
    );
    bytes(
        DisableTwoFactor::new("123456"),
        r#"{"a":"mfad","mfa":"123456"}"#,
    );
}

#[test]
fn the_tree() {
    bytes(FetchNodes::new(), r#"{"a":"f","c":1,"r":1,"ca":1}"#);
    bytes(FetchNodes::uncached(), r#"{"a":"f","c":1,"r":1}"#);
    bytes(
        MoveNode::new(node("fileAAAA"), node("rubbishA")),
        r#"{"a":"m","n":"fileAAAA","t":"rubbishA"}"#,
    );
    bytes(
        SetNodeAttributes::new(node("fileAAAA"), *b"ABC"),
        r#"{"a":"a","n":"fileAAAA","at":"QUJD"}"#,
    );
    let mut delete = DeleteNode::new(node("fileAAAA"));
    bytes(delete, r#"{"a":"d","n":"fileAAAA"}"#);
    delete.keep_versions = true;
    delete.vault = true;
    bytes(delete, r#"{"a":"d","n":"fileAAAA","v":1,"vw":1}"#);
    bytes(DeleteAllVersions::new(), r#"{"a":"dv"}"#);
    bytes(EmptyRubbish::new(), r#"{"a":"dr"}"#);
}

#[test]
fn putting_nodes() {
    // api-and-transfers 11.2.
    let folder = NewNode::folder(node("AbCdEfGg"), *b"ABC", [0; 16]);
    let mut put = PutNodes::new(node("rootAAAA"), vec![folder]);
    put.versioning = Some(true);
    bytes(
        put,
        &format!(
            r#"{{"a":"p","v":4,"t":"rootAAAA","sm":1,"vb":1,"n":[{{"h":"AbCdEfGg","t":1,"a":"QUJD","k":"{ZERO16}"}}]}}"#
        ),
    );
    let mut upload = NewNode::upload(UploadToken::from_bytes([0; 36]), *b"ABC", [0; 32]);
    upload.replaces = Some(node("fileAAAA"));
    upload.file_attributes = Some("0*AAAAAAAAAAE".into());
    let mut put = PutNodes::new(node("rootAAAA"), vec![upload.under(node("AbCdEfGg"))]);
    put.vault = true;
    put.share_keys = Some(ShareKeys::new(
        vec![node("dirAAAAA")],
        Vec::new(),
        vec![WrappedNodeKey::new(0, 0, *b"ABC")],
    ));
    bytes(
        put,
        &format!(
            r#"{{"a":"p","v":4,"t":"rootAAAA","sm":1,"vw":1,"n":[{{"h":"{}","ov":"fileAAAA","t":0,"a":"QUJD","k":"{}","p":"AbCdEfGg","fa":"0*AAAAAAAAAAE"}}],"cr":[["dirAAAAA"],[],[0,0,"QUJD"]]}}"#,
            "A".repeat(48),
            "A".repeat(43)
        ),
    );
    let copy = NewNode::copy(node("fileAAAA"), NodeKind::File, *b"ABC", *b"ABC");
    let import = NewNode::import(link(), *b"ABC", *b"ABC");
    bytes(
        PutNodes::new(PutTarget::User(user()), vec![copy, import]),
        r#"{"a":"p","v":4,"t":"AAAAAAAAAAE","sm":1,"n":[{"h":"fileAAAA","t":0,"a":"QUJD","k":"QUJD"},{"ph":"pubAAAAA","t":0,"a":"QUJD","k":"QUJD"}]}"#,
    );
}

#[test]
fn transfers() {
    let mut up = FetchUploadAddress::new(5);
    bytes(up.clone(), r#"{"a":"u","v":3,"ssl":2,"s":5}"#);
    up.target = Some(UploadTarget::Roots(vec![node("rootAAAA")]));
    bytes(up, r#"{"a":"u","v":3,"ssl":2,"s":5,"t":["rootAAAA"]}"#);
    let mut down = FetchDownloadAddress::node(node("fileAAAA"));
    bytes(down.clone(), r#"{"a":"g","g":1,"n":"fileAAAA","ssl":2}"#);
    assert_eq!(down.lane(), Lane::Lockless);
    down.parts = true;
    bytes(down, r#"{"a":"g","g":1,"n":"fileAAAA","v":2,"ssl":2}"#);
    bytes(
        FetchDownloadAddress::link(link()),
        r#"{"a":"g","g":1,"p":"pubAAAAA","ssl":2}"#,
    );
    bytes(
        FetchDownloadAddress::link_info(link()),
        r#"{"a":"g","p":"pubAAAAA","ssl":2}"#,
    );
    bytes(
        FetchFileAttributeUploadAddress::new(32),
        r#"{"a":"ufa","s":32,"ssl":2}"#,
    );
    bytes(
        FetchFileAttributeAddress::new("AAAAAAAAAAE".parse().unwrap()),
        r#"{"a":"ufa","fah":"AAAAAAAAAAE","ssl":2,"r":1}"#,
    );
    bytes(
        AttachFileAttribute::new(node("fileAAAA"), 1, "AAAAAAAAAAE".parse().unwrap()),
        r#"{"a":"pfa","n":"fileAAAA","fa":"1*AAAAAAAAAAE"}"#,
    );
}

#[test]
fn links_and_shares() {
    let mut create = CreateLink::new(node("fileAAAA"));
    bytes(create.clone(), r#"{"a":"l","n":"fileAAAA"}"#);
    create.expires = Some(1_800_000_000);
    create.writable = true;
    bytes(
        create,
        r#"{"a":"l","n":"fileAAAA","ets":1800000000,"w":"1"}"#,
    );
    bytes(
        RemoveLink::new(node("fileAAAA")),
        r#"{"a":"l","n":"fileAAAA","d":1}"#,
    );
    bytes(FetchLinkInfo::new(link()), r#"{"a":"pli","ph":"pubAAAAA"}"#);
    let mut share = SetShare::grant(node("dirAAAAA"), ShareTarget::Everyone, AccessLevel::Read);
    share.share_keys = Some(ShareKeys::new(
        vec![node("dirAAAAA")],
        vec![node("dirAAAAA"), node("fileAAAA")],
        vec![
            WrappedNodeKey::new(0, 0, *b"ABC"),
            WrappedNodeKey::new(0, 1, *b"ABC"),
        ],
    ));
    bytes(
        share,
        &format!(
            r#"{{"a":"s2","n":"dirAAAAA","s":[{{"u":"EXP","r":0}}],"ok":"{ZERO16}","ha":"{ZERO16}","cr":[["dirAAAAA"],["dirAAAAA","fileAAAA"],[0,0,"QUJD",0,1,"QUJD"]]}}"#
        ),
    );
    bytes(
        SetShare::revoke(node("dirAAAAA"), ShareTarget::User(user())),
        r#"{"a":"s2","n":"dirAAAAA","s":[{"u":"AAAAAAAAAAE"}]}"#,
    );
    bytes(
        RewriteNodeKeys::new(vec![(node("fileAAAA"), (*b"ABC").into())]),
        r#"{"a":"k","nk":["fileAAAA","QUJD"]}"#,
    );
    bytes(
        SupplyShareKeys::new(ShareKeys::new(
            vec![node("dirAAAAA")],
            Vec::new(),
            Vec::new(),
        )),
        r#"{"a":"k","cr":[["dirAAAAA"],[],[]]}"#,
    );
    bytes(FetchPendingKeys::new(), r#"{"a":"pk"}"#);
    bytes(RemovePendingKeys::new("last"), r#"{"a":"pk","d":"last"}"#);
    bytes(
        SendShareKey::new(user(), node("dirAAAAA"), *b"ABC"),
        r#"{"a":"pk","u":"AAAAAAAAAAE","h":"dirAAAAA","k":"QUJD"}"#,
    );
    bytes(
        InviteContact::new("a@b.c", InviteAction::Add),
        r#"{"a":"upc","u":"a@b.c","aa":"a"}"#,
    );
    bytes(
        AnswerInvitation::new("AAAAAAAAAAE".parse().unwrap(), InvitationAnswer::Accept),
        r#"{"a":"upca","p":"AAAAAAAAAAE","aa":"a"}"#,
    );
    bytes(
        SetContact::remove(user()),
        r#"{"a":"ur2","u":"AAAAAAAAAAE","l":0}"#,
    );
    bytes(
        FetchPublicKey::new(user()),
        r#"{"a":"uk","u":"AAAAAAAAAAE"}"#,
    );
}

#[test]
fn only_the_commands_that_the_official_client_isolates_travel_alone() {
    let alone = |c: &dyn Fn() -> Lane| c() == Lane::Alone;
    assert!(alone(&|| Prelogin::new("a").lane()));
    assert!(alone(&|| Login::new("a", [0]).lane()));
    assert!(alone(&|| ResumeSession::default().lane()));
    assert!(alone(&|| CopySession::new().lane()));
    assert!(alone(&|| Logout::new().lane()));
    assert!(alone(&|| FetchNodes::new().lane()));
    assert!(alone(&|| WhyAmIBlocked::new().lane()));
    assert!(!alone(&|| FetchUserData::new().lane()));
    assert!(!alone(
        &|| PutNodes::new(node("rootAAAA"), Vec::new()).lane()
    ));
}
