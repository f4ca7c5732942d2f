use core::ops::Range;

use super::legacy::ForwardPlan;
use super::samples::{LANES, Samples};

/// The checksum of a file's samples, 16 bytes (crypto-and-accounts 7.1).
///
/// A file of at most 16 bytes is its own checksum, padded with zeros. Above that it is four CRC-32,
/// big-endian: of the file's quarters up to 8192 bytes, of 32 windows of 64 bytes each beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "sixteen bytes are sixteen bytes")]
pub struct Crc(pub [u8; 16]);

impl Crc {
    /// The checksum of a whole content in memory, of any length.
    pub fn of(content: &[u8]) -> Self {
        let mut builder = CrcBuilder::new(content.len() as u64);
        builder.update(content);
        builder.sums.finish()
    }

    pub(super) const fn equals(&self, other: &Self) -> bool {
        u128::from_le_bytes(self.0) == u128::from_le_bytes(other.0)
    }
}

/// Computes the checksum of a file that is read from the first byte to the last.
///
/// ```
/// use mega_crypto::fingerprint::{Crc, CrcBuilder};
/// let mut builder = CrcBuilder::new(10_000);
/// for _ in 0..100 {
///     builder.update(&[7; 100]);
/// }
/// assert_eq!(builder.finish().unwrap(), Crc::of(&[7; 10_000]));
/// ```
#[derive(Clone, Debug)]
pub struct CrcBuilder {
    size: u64,
    position: u64,
    /// The sample under way or next, and its number.
    sample: Range<u64>,
    number: u32,
    plan: Plan,
    sums: Sums,
}

/// Where the samples lie, in the order of the file.
#[derive(Clone, Debug)]
enum Plan {
    Right(Samples),
    Legacy(ForwardPlan),
}

impl CrcBuilder {
    /// Starts with a file of `size` bytes.
    pub fn new(size: u64) -> Self {
        let samples = Samples::of_size(size);
        let sample = samples.range(size, 0);
        Self {
            size,
            position: 0,
            sample,
            number: 0,
            plan: Plan::Right(samples),
            sums: Sums::new(samples),
        }
    }

    /// Starts to compute what old clients with the 32-bit bug computed when they could only read
    /// forward, or gives `None` if that has no checksum, or the right one (crypto-and-accounts 7.2).
    ///
    /// Only to recognise old nodes; never write it.
    pub fn legacy(size: u64) -> Option<Self> {
        let mut plan = ForwardPlan::new(size)?;
        let sample = plan.next_sample()?;
        let sums = Sums::new(Samples::WrappedForward);
        Some(Self {
            size,
            position: 0,
            sample,
            number: 0,
            plan: Plan::Legacy(plan),
            sums,
        })
    }

    /// Takes the next bytes of the file. Bytes beyond its size are noticed by
    /// [`finish`](Self::finish).
    pub fn update(&mut self, bytes: &[u8]) {
        let end = self.position.saturating_add(bytes.len() as u64);
        while self.number < self.sums.samples.count() && self.sample.start < end {
            let from = self.sample.start.max(self.position);
            let to = self.sample.end.min(end);
            let part = (from - self.position) as usize..(to - self.position) as usize;
            self.sums
                .take(self.number, bytes.get(part).unwrap_or_default());
            if to < self.sample.end {
                break;
            }
            self.number += 1;
            self.sample = match &mut self.plan {
                Plan::Right(samples) if self.number < samples.count() => {
                    samples.range(self.size, self.number)
                }
                Plan::Right(_) => break,
                Plan::Legacy(plan) => match plan.next_sample() {
                    Some(sample) => sample,
                    None => break,
                },
            };
        }
        self.position = end;
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// [`WrongLength`] if there were more or fewer bytes than the size said: the file changed.
    pub fn finish(self) -> Result<Crc, WrongLength> {
        if self.position == self.size {
            Ok(self.sums.finish())
        } else {
            Err(WrongLength {
                expected: self.size,
                actual: self.position,
            })
        }
    }
}

/// Computes the checksum of a file that can be read anywhere: it says which bytes it wants, at most
/// 8 KiB in all.
///
/// ```
/// use mega_crypto::fingerprint::{Crc, CrcSampler};
/// let file = vec![7; 1_000_000];
/// let mut sampler = CrcSampler::new(file.len() as u64);
/// while let Some(wanted) = sampler.wanted() {
///     sampler.supply(&file[wanted.start as usize..wanted.end as usize]).unwrap();
/// }
/// assert_eq!(sampler.finish().unwrap(), Crc::of(&file));
/// ```
#[derive(Clone, Debug)]
pub struct CrcSampler {
    size: u64,
    number: u32,
    sums: Sums,
}

impl CrcSampler {
    /// Starts with a file of `size` bytes.
    pub const fn new(size: u64) -> Self {
        Self {
            size,
            number: 0,
            sums: Sums::new(Samples::of_size(size)),
        }
    }

    /// Starts to compute what old clients with the 32-bit bug computed, or gives `None` if that is
    /// the same as the right checksum (sizes up to 33818704 bytes; crypto-and-accounts 7.2).
    ///
    /// Only to recognise old nodes; never write it.
    pub const fn legacy(size: u64) -> Option<Self> {
        if super::legacy::may_differ(size) {
            Some(Self {
                size,
                number: 0,
                sums: Sums::new(Samples::WrappedWindows),
            })
        } else {
            None
        }
    }

    /// The bytes of the file that are wanted next, or `None` at the end. Never empty, at most
    /// 2048 bytes; they go forward, except for the [`legacy`](Self::legacy) variant.
    pub fn wanted(&self) -> Option<Range<u64>> {
        if self.number >= self.sums.samples.count() {
            return None;
        }
        Some(self.sums.samples.range(self.size, self.number)).filter(|range| !range.is_empty())
    }

    /// Takes exactly the bytes that were wanted.
    ///
    /// # Errors
    ///
    /// [`WrongLength`] if they are more or fewer; they are not taken then.
    pub fn supply(&mut self, bytes: &[u8]) -> Result<(), WrongLength> {
        let expected = self.wanted().map_or(0, |range| range.end - range.start);
        if expected != bytes.len() as u64 || expected == 0 {
            return Err(WrongLength {
                expected,
                actual: bytes.len() as u64,
            });
        }
        self.sums.take(self.number, bytes);
        self.number += 1;
        Ok(())
    }

    /// The checksum.
    ///
    /// # Errors
    ///
    /// [`WrongLength`] with the length of what is still wanted.
    pub fn finish(self) -> Result<Crc, WrongLength> {
        match self.wanted() {
            None => Ok(self.sums.finish()),
            Some(range) => Err(WrongLength {
                expected: range.end - range.start,
                actual: 0,
            }),
        }
    }
}

/// A file, or a piece of it, does not have as many bytes as it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {actual} bytes instead of {expected}")]
#[non_exhaustive]
pub struct WrongLength {
    /// How many there should be.
    pub expected: u64,
    /// How many there are.
    pub actual: u64,
}

/// The four checksums under way.
#[derive(Clone, Debug)]
struct Sums {
    samples: Samples,
    /// The file itself if it has at most 16 bytes.
    whole: [u8; 16],
    filled: usize,
    /// The CRC-32 of what each has seen.
    lanes: [u32; LANES as usize],
}

impl Sums {
    const fn new(samples: Samples) -> Self {
        Self {
            samples,
            whole: [0; 16],
            filled: 0,
            lanes: [0; LANES as usize],
        }
    }

    fn take(&mut self, number: u32, bytes: &[u8]) {
        if self.samples == Samples::Whole {
            for (to, from) in self.whole.iter_mut().skip(self.filled).zip(bytes) {
                *to = *from;
            }
            self.filled += bytes.len();
        } else if let Some(lane) = self.lanes.get_mut(self.samples.lane(number)) {
            let mut sum = crc32fast::Hasher::new_with_initial(*lane);
            sum.update(bytes);
            *lane = sum.finalize();
        }
    }

    fn finish(&self) -> Crc {
        if self.samples == Samples::Whole {
            return Crc(self.whole);
        }
        let mut crc = [0; 16];
        let (words, _) = crc.as_chunks_mut::<4>();
        for (word, lane) in words.iter_mut().zip(self.lanes) {
            *word = lane.to_be_bytes();
        }
        Crc(crc)
    }
}
