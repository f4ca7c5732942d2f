//! Multi-precision integers.

use mega_crypto::mpi;

/// Reading a sequence of integers, and reading back what was written.
pub fn mpi(input: &[u8]) {
    let mut rest = input;
    let mut count = 0;
    while let Some(number) = mpi::split_first(rest) {
        assert_eq!(number.magnitude.len(), usize::from(number.bits).div_ceil(8));
        assert_eq!(
            rest.len(),
            2 + number.magnitude.len() + number.rest.len(),
            "nothing is lost"
        );
        if number.is_canonical() {
            let mut whole = Vec::new();
            mpi::write(number.magnitude, &mut whole);
            let mut exact = Vec::new();
            mpi::write_exact(number.magnitude, &mut exact);
            let read = &rest[..2 + number.magnitude.len()];
            assert!(
                whole == read || exact == read,
                "canonical is what is written"
            );
        }
        rest = number.rest;
        count += 1;
    }
    assert!(count <= input.len() / 2);
    for numbers in [
        mpi::read::<1>(input).is_some(),
        mpi::read::<4>(input).is_some(),
    ] {
        assert!(!numbers || rest.len() < input.len());
    }

    let mut written = Vec::new();
    mpi::write(input, &mut written);
    let read = mpi::split_first(&written).expect("what was written");
    let zeros = input.iter().take_while(|byte| **byte == 0).count();
    if input.len() - zeros <= 8191 {
        assert_eq!(read.magnitude, &input[zeros..]);
    }
    assert!(read.rest.is_empty());
}
