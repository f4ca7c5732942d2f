//! What streams say about themselves, and that their buffers are used again.

use mega_crypto::content::{ContentCipher, ContentKey, StreamEncryptor, WindowStream};

fn cipher() -> ContentCipher {
    ContentCipher::new(&ContentKey::new([0x31; 16], [0x87; 8]))
}

#[test]
fn a_stream_knows_how_far_it_is() {
    let mut stream = StreamEncryptor::new(cipher());
    assert_eq!(stream.position(), 0);
    stream.update(&mut [1; 100]).unwrap();
    assert_eq!(stream.position(), 100);
    stream.update(&mut [1; 5]).unwrap();
    assert_eq!(stream.position(), 105);

    let mut window = WindowStream::encrypt(cipher());
    assert_eq!(window.push(&[1; 100]), 100);
    assert_eq!(window.position(), 100);
    let taken = window.take_last().unwrap();
    assert_eq!((taken.offset, taken.data.len()), (0, 100));
    assert_eq!(window.position(), 100);
}

#[test]
fn a_buffer_without_chunks_has_no_macs_and_others_have() {
    let cipher = cipher();
    let none = cipher.mac_chunks(0, &[]).unwrap();
    assert!(none.is_empty());
    assert_eq!(none.len(), 0);
    let one = cipher.mac_chunks(0, &[1]).unwrap();
    assert!(!one.is_empty());
    assert_eq!(one.len(), 1);
}

#[test]
fn a_buffer_that_is_given_back_serves_the_next_window() {
    let mut window = WindowStream::encrypt(cipher());
    window.push(&vec![1; 8 << 20]);
    let data = window.take_filled().unwrap().data;
    let place = data.as_ptr();
    window.recycle(data);
    window.push(&[2; 50]);
    // A smaller one, or one that comes too late, is not taken.
    window.recycle(Vec::with_capacity(1 << 20));
    let data = window.take_last().unwrap().data;
    assert_eq!((data.as_ptr(), data.len()), (place, 50));
}

#[test]
fn a_window_holds_as_much_as_it_needs_and_never_more_than_its_length() {
    let mut small = WindowStream::encrypt(cipher());
    small.push(&[1; 100]);
    small.push(&[1; 100]);
    assert!(small.take_last().unwrap().data.capacity() < 1 << 20);

    let mut large = WindowStream::encrypt(cipher());
    let piece = vec![1; 64 << 10];
    let window = loop {
        large.push(&piece);
        if let Some(window) = large.take_filled() {
            break window;
        }
    };
    assert!(window.data.capacity() <= WindowStream::MAX_LEN);

    // The first piece has a buffer of its own length; doubling that would be too much.
    let mut uneven = WindowStream::encrypt(cipher());
    uneven.push(&vec![1; 3 << 20]);
    uneven.push(&vec![1; 2 << 20]);
    let window = uneven.take_filled().unwrap();
    assert!(window.data.capacity() <= WindowStream::MAX_LEN);
}

#[test]
fn giving_a_buffer_back_loses_nothing_of_what_was_taken_since() {
    let mut window = WindowStream::encrypt(cipher());
    window.push(&[2; 50]);
    window.recycle(Vec::with_capacity(8 << 20));
    assert_eq!(window.position(), 50);
    assert_eq!(window.take_last().unwrap().data.len(), 50);
}
