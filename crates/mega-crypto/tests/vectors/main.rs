//! Known answers from `vectors.json`. Where they come from is written in that file and in the
//! protocol notes (crypto-and-accounts 11).

mod attributes;
mod encoding;
mod links;
mod logins;
mod node_keys;
mod passwords;
mod rsa;
mod support;
