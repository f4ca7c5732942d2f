//! What the format demands beyond the known answers: attacks that must fail, an oracle for RSA,
//! properties of the codecs.

mod accounts;
mod attacks;
mod attributes;
mod block_reuse;
mod borders;
mod limits;
mod properties;
mod rsa_oracle;
mod secrets;
mod small_answers;
mod support;
