//! What all types that hold a secret have in common (threat model, SEC-1, SEC-2).

use alloc::vec::Vec;

use zeroize::Zeroizing;

/// Defines a secret of a fixed number of bytes: wiped on drop, `Debug` without content, compared in
/// constant time.
macro_rules! secret_bytes {
    ($(#[$meta:meta])* $name:ident, $len:literal, $what:literal) => {
        $(#[$meta])*
        ///
        /// Wiped when dropped; `Debug` shows the type's name only; compared in constant time.
        pub struct $name([u8; $len]);

        $crate::secret::wiped!($name);

        impl $name {
            /// Its length in bytes.
            pub const LEN: usize = $len;

            /// Takes the bytes as they are.
            #[inline]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// Copies the bytes out of a slice.
            ///
            /// # Errors
            ///
            /// [`Error::Length`](crate::Error::Length) if the slice has another length.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, $crate::Error> {
                match bytes.try_into() {
                    Ok(bytes) => Ok(Self(bytes)),
                    Err(_) => Err($crate::Error::Length {
                        what: $what,
                        expected: $len,
                        got: bytes.len(),
                    }),
                }
            }

            /// Draws a new one.
            pub fn random<R: rand_core::CryptoRng + ?Sized>(rng: &mut R) -> Self {
                let mut fresh = Self([0; $len]);
                rng.fill_bytes(&mut fresh.0);
                fresh
            }

            /// The bytes. Copies of them are not wiped by anybody but you.
            #[inline]
            pub const fn expose_secret(&self) -> &[u8; $len] {
                &self.0
            }
        }

        $crate::secret::opaque!($name);

        impl subtle::ConstantTimeEq for $name {
            fn ct_eq(&self, other: &Self) -> subtle::Choice {
                self.0.ct_eq(&other.0)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                subtle::ConstantTimeEq::ct_eq(self, other).into()
            }
        }

        impl Eq for $name {}
    };
}

/// Wipes a type around an array of bytes, when told to and when dropped: as a slice, which is many bytes at once. Derived it would be one after
/// the other, and a tree has millions of keys.
macro_rules! wiped {
    ($name:ident) => {
        impl zeroize::Zeroize for $name {
            #[inline]
            fn zeroize(&mut self) {
                zeroize::Zeroize::zeroize(self.0.as_mut_slice());
            }
        }

        impl Drop for $name {
            #[inline]
            fn drop(&mut self) {
                zeroize::Zeroize::zeroize(self);
            }
        }

        impl zeroize::ZeroizeOnDrop for $name {}
    };
}

/// Secret bytes of any length: wiped on drop, and, where the lengths agree, compared in constant time.
#[derive(Clone, Default)]
pub(crate) struct SecretBytes(Zeroizing<Vec<u8>>);

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl core::ops::Deref for SecretBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(&**self, &**other).into()
    }
}

impl Eq for SecretBytes {}

/// `Debug` that prints the type's name and nothing else.
macro_rules! opaque {
    ($name:ident) => {
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

/// The same for a type with a lifetime.
macro_rules! opaque_lifetime {
    ($name:ident) => {
        impl core::fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

pub(crate) use {opaque, opaque_lifetime, secret_bytes, wiped};
