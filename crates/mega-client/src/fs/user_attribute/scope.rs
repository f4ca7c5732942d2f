//! What the name of an attribute says about it (crypto-and-accounts 10.1).

use crate::error::{Error, Result};

/// Who can read an attribute, and how it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    Encrypted,
    Private,
    Public,
    Contacts,
    /// Written by the service, or for its own purposes.
    Service,
}

impl Scope {
    /// Names become members of a request, so nothing else may pass for one: `a` is the name of the command.
    pub(super) fn of(name: &str) -> Result<Self> {
        let scope = match name.as_bytes() {
            [b'*', _, ..] => Self::Encrypted,
            [b'^', _, ..] => Self::Private,
            [b'+', _, ..] => Self::Public,
            [b'#', _, ..] => Self::Contacts,
            b"firstname" | b"lastname" => Self::Contacts,
            b"country" | b"birthday" | b"birthmonth" | b"birthyear" => Self::Private,
            b"pwmh" | b"s4" | b"s4c" => Self::Service,
            _ => {
                return Err(Error::misuse(
                    "no such attribute: names start with one of * ^ + #, but for a few of the service's own",
                ));
            }
        };
        if name.len() > LONGEST_NAME || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::misuse(
                "a name has up to 64 visible ASCII characters and no space",
            ));
        }
        Ok(scope)
    }
}

/// Whether it holds keys or says whose keys are trusted: not to be written by whoever does not understand them.
pub(super) fn holds_keys(name: &str) -> bool {
    KEYS.contains(&name)
}

/// Whether the service checks versions when it is written (SDK `src/user_attribute_definition.cpp`, `DISABLE_VERSIONING`).
pub(super) fn has_versions(name: &str) -> bool {
    !WITHOUT_VERSIONS.contains(&name)
}

/// How many bytes the service takes.
pub(super) fn longest_value(name: &str) -> usize {
    match name.as_bytes() {
        [_, b'!' | b'~', ..] => LIMIT_WITHOUT_HISTORY,
        _ => LIMIT,
    }
}

/// Of crypto-and-accounts 3 and 10.3.
const KEYS: [&str; 10] = [
    "^!keys",
    "*keyring",
    "+puEd255",
    "+puCu255",
    "+sigPubk",
    "+sigCu255",
    "*!authring",
    "*!authCu255",
    // Of older official clients (SDK `include/mega/user.h`, `AuthRing::serialize`).
    "*!authRSA",
    "*~usk",
];

pub(super) const AVATAR: &str = "+a";

const WITHOUT_VERSIONS: [&str; 20] = [
    AVATAR,
    "firstname",
    "lastname",
    "country",
    "birthday",
    "birthmonth",
    "birthyear",
    "^!lang",
    "^!prd",
    "^!dv",
    "*!rp",
    "^!rubbishtime",
    "^!lastPsa",
    "^!usl",
    "*!geo",
    "*!cf",
    "^!ps",
    "^!csp",
    "^!nokit",
    "*!rcts",
];

const LONGEST_NAME: usize = 64;
const LIMIT: usize = 64 << 10;
const LIMIT_WITHOUT_HISTORY: usize = 16 << 20;
