//! The cryptography without the standard library: it brings its own allocator and its own panic handler, so a crate below it
//! that uses `std` does not link ("duplicate lang item"). Ends with 0 if a file's content, name, key and link are what they
//! ought to be, with the number of the step that was not, and by a signal if something panics.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec;
use core::alloc::{GlobalAlloc, Layout};

use mega_crypto::attributes::Attributes;
use mega_crypto::content::{CondensedMac, ContentCipher, ContentKey, MacPolicy};
use mega_crypto::link::{Link, PublicLink};
use mega_crypto::{FileKey, MasterKey, base64, password};

#[link(name = "c")]
unsafe extern "C" {
    fn aligned_alloc(align: usize, size: usize) -> *mut u8;
    fn free(block: *mut u8);
    fn abort() -> !;
}

struct System;

// SAFETY: the C library's allocator, with sizes rounded up to the alignment as it wants them.
unsafe impl GlobalAlloc for System {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let align = layout.align().max(16);
        let Some(size) = layout.size().checked_next_multiple_of(align) else {
            return core::ptr::null_mut();
        };
        // SAFETY: a power of two, and a multiple of it.
        unsafe { aligned_alloc(align, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: it came from `alloc`.
        unsafe { free(block) }
    }
}

#[global_allocator]
static ALLOCATOR: System = System;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: it takes nothing and does not return.
    unsafe { abort() }
}

/// `alloc` as it is delivered names it. Nothing unwinds here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    match check() {
        Ok(()) => 0,
        Err(step) => step,
    }
}

fn check() -> Result<(), i32> {
    // The password and the address of a known answer of megajs.
    let login = password::derive_v1("password", "user@example.com");
    let master = MasterKey::from_bytes(*login.password_key().expose_secret()).cipher();

    let key = ContentKey::new([7; 16], [9; 8]);
    let cipher = ContentCipher::new(&key);
    let plain = vec![3; 300_000];
    let mut data = plain.clone();
    let mut macs = CondensedMac::new();
    let chunks = cipher.encrypt_chunks(0, &mut data).map_err(|_| 1)?;
    macs.insert_all(&chunks).map_err(|_| 1)?;
    let meta_mac = macs.finish(&cipher, 300_000).map_err(|_| 1)?;
    let node_key = FileKey::new(&key, meta_mac).map_err(|_| 1)?;

    let mut attributes = Attributes::new();
    attributes.set_name("photo.jpg").map_err(|_| 2)?;
    let at = attributes
        .encrypt_to_text(&node_key.attribute_key())
        .map_err(|_| 2)?;
    let wrapped = master.wrap_file_key(&node_key);
    let opened = master
        .unwrap_file_key(wrapped.as_bytes().try_into().map_err(|_| 3)?)
        .map_err(|_| 3)?;
    let handle = base64::decode_array(&base64::encode(&[1; 6])).map_err(|_| 4)?;
    let url = PublicLink::file(mega_crypto::PublicHandle::from_bytes(handle), opened).to_url();

    let Ok(Link::Public(link)) = Link::parse(&url) else {
        return Err(5);
    };
    let node_key = link.file_key().map_err(|_| 5)?;
    let attributes = Attributes::decrypt_text(&node_key.attribute_key(), &at).map_err(|_| 6)?;
    if attributes.name().as_deref() != Some("photo.jpg") {
        return Err(6);
    }
    let cipher = ContentCipher::new(&node_key.content_key());
    let mut macs = CondensedMac::new();
    let chunks = cipher.decrypt_chunks(0, &mut data).map_err(|_| 7)?;
    macs.insert_all(&chunks).map_err(|_| 7)?;
    macs.verify(&cipher, 300_000, &node_key.meta_mac(), MacPolicy::default())
        .map_err(|_| 7)?;
    if data == plain { Ok(()) } else { Err(8) }
}
