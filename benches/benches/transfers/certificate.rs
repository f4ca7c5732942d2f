//! A throw-away certificate for loopback.

use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509NameBuilder};

use crate::Fallible;

/// The files of a certificate that is its own authority.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// In PEM, for the server.
    pub(crate) certificate: PathBuf,
    /// Its key, in PEM.
    pub(crate) key: PathBuf,
    /// In DER, for those who are to trust it.
    pub(crate) authority: PathBuf,
}

impl Certificate {
    /// Makes one for 127.0.0.1 in this folder.
    ///
    /// # Errors
    ///
    /// If it cannot be made or written.
    pub(crate) fn new(folder: &Path) -> Fallible<Self> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
        let mut name = X509NameBuilder::new()?;
        name.append_entry_by_text("CN", "127.0.0.1")?;
        let name = name.build();
        let mut builder = X509::builder()?;
        // Version 3; they count from 0.
        builder.set_version(2)?;
        builder.set_subject_name(&name)?;
        builder.set_issuer_name(&name)?;
        builder.set_pubkey(&key)?;
        let (from, until) = (Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(2)?);
        builder.set_not_before(&from)?;
        builder.set_not_after(&until)?;
        let names = SubjectAlternativeName::new()
            .ip("127.0.0.1")
            .build(&builder.x509v3_context(None, None))?;
        builder.append_extension(names)?;
        builder.sign(&key, MessageDigest::sha256())?;
        let made = builder.build();
        let file = |name: &str, bytes: Vec<u8>| {
            let path = folder.join(name);
            std::fs::write(&path, bytes).map(|()| path)
        };
        Ok(Self {
            certificate: file("host.pem", made.to_pem()?)?,
            key: file("host.key", key.private_key_to_pem_pkcs8()?)?,
            authority: file("host.der", made.to_der()?)?,
        })
    }
}
