use zeroize::Zeroizing;

use crate::mpi;

/// The numbers of a private key as they are written, big-endian, without leading zeros.
#[derive(Clone, Copy)]
pub(super) struct Numbers<'a> {
    pub(super) p: &'a [u8],
    pub(super) q: &'a [u8],
    pub(super) d: &'a [u8],
    /// `p^-1 mod q`; the short form inside `^!keys` leaves it out.
    pub(super) u: Option<&'a [u8]>,
}

impl<'a> Numbers<'a> {
    /// Splits the plaintext of `privk`: p, q, d, u and fewer than sixteen bytes of anything (threat
    /// model, RSA-2).
    pub(super) fn read(plain: &'a [u8]) -> Option<Self> {
        let mut numbers = [[].as_slice(); 4];
        let rest = split(plain, &mut numbers)?;
        let [p, q, d, u] = numbers;
        (rest.len() < TAIL).then_some(Self {
            p,
            q,
            d,
            u: Some(u),
        })
    }

    /// Splits the short form: p, q, d and nothing else.
    pub(super) fn read_short(plain: &'a [u8]) -> Option<Self> {
        let mut numbers = [[].as_slice(); 3];
        let rest = split(plain, &mut numbers)?;
        let [p, q, d] = numbers;
        rest.is_empty().then_some(Self { p, q, d, u: None })
    }

    /// Writes the numbers one after the other, u only if it is there.
    pub(super) fn write(&self) -> Zeroizing<alloc::vec::Vec<u8>> {
        let all = [Some(self.p), Some(self.q), Some(self.d), self.u];
        let len = all
            .into_iter()
            .flatten()
            .map(|number| number.len() + 2)
            .sum::<usize>();
        // Room for the padding, so that it never moves and leaves a copy behind.
        let mut plain = Zeroizing::new(alloc::vec::Vec::with_capacity(len.next_multiple_of(16)));
        for number in all.into_iter().flatten() {
            mpi::write(number, &mut plain);
        }
        plain
    }
}

fn split<'a>(mut data: &'a [u8], numbers: &mut [&'a [u8]]) -> Option<&'a [u8]> {
    for number in numbers {
        let read = mpi::split_first(data).filter(mpi::Mpi::is_canonical)?;
        *number = read.magnitude;
        data = read.rest;
    }
    Some(data)
}

/// No whole cipher block fits into what follows the numbers (threat model, ATT-3).
const TAIL: usize = 16;
