//! Nothing is allocated when nothing changes, and time and memory are linear (R6).

use std::alloc::{GlobalAlloc, Layout, System};
use std::borrow::Cow;
use std::cell::Cell;

use mega_filename::{LocalPolicy, Mask, Wanted, display_name};

/// Counts what the current thread allocates.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        BYTES.with(|bytes| bytes.set(bytes.get() + layout.size()));
        // SAFETY: the caller's promise is the one this asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the one this asks for.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `run` gives, and how many times and bytes it allocated.
fn counted<T>(run: impl FnOnce() -> T) -> (T, usize, usize) {
    let before = (COUNT.get(), BYTES.get());
    let outcome = run();
    (outcome, COUNT.get() - before.0, BYTES.get() - before.1)
}

fn assert_lent<'a>(name: &'a [u8], map: impl FnOnce(&'a [u8]) -> Cow<'a, [u8]>) {
    let (outcome, count, _) = counted(|| map(name));
    assert_eq!(count, 0);
    let Cow::Borrowed(lent) = outcome else {
        panic!("{name:02x?} was copied")
    };
    assert!(std::ptr::eq(lent, name), "lent from elsewhere");
}

const UNCHANGED: [&str; 6] = [
    "",
    "a",
    "report 2024.pdf",
    "...",
    ".hidden",
    "日本語 naïve \u{fffd}",
];

#[test]
fn names_that_need_no_change_are_lent_and_nothing_is_allocated() {
    for name in UNCHANGED.map(str::as_bytes) {
        for mask in [
            Mask::MEGA,
            Mask::STANDARD,
            Mask::BASE,
            Mask::NONE,
            Mask::RAW,
        ] {
            assert_lent(name, |name| mask.encode(name));
            assert_lent(name, |name| mask.decode(name));
            assert_lent(name, |name| mask.to_shown(name));
            assert_lent(name, |name| mask.to_stored(name));
            assert_lent(name, |name| mask.path_to_shown(name));
            assert_lent(name, |name| mask.reversible().encode(name));
            assert_lent(name, |name| mask.reversible().decode(name));
        }
        let (same, count, _) = counted(|| {
            Mask::MEGA.is_canonical(name) && Wanted::shown(Mask::MEGA, name).matches(name)
        });
        assert!(same);
        assert_eq!(count, 0);
    }
    assert_lent(b"/a/b c//d/", |path| Mask::MEGA.path_to_stored(path));
}

#[test]
fn local_and_display_names_that_need_no_change_are_lent() {
    for name in ["a", "report 2024.pdf", ".hidden", "日本語 naïve"] {
        for policy in [
            LocalPolicy::LINUX,
            LocalPolicy::WINDOWS,
            LocalPolicy::PORTABLE,
        ] {
            let (local, count, _) = counted(|| policy.local_name(name));
            assert!(local.is_verbatim() && count == 0);
            assert_lent(name.as_bytes(), |name| policy.raw_name(name));
        }
        let (shown, count, _) = counted(|| display_name(name));
        assert!(matches!(shown, Cow::Borrowed(_)) && count == 0);
        assert!(matches!(Mask::MEGA.encode_str(name), Cow::Borrowed(_)));
        assert!(matches!(Mask::MEGA.encode_to_str(name), Cow::Borrowed(_)));
    }
}

#[test]
fn r6_what_a_long_hostile_name_costs_grows_with_its_length_only() {
    let length = 1 << 20;
    for atom in ["‛", "/", "．", "␀", "‛4", "\\", "\u{85}"] {
        let name = atom.repeat(length / atom.len());
        for mask in [
            Mask::MEGA,
            Mask::LOCAL_WINDOWS,
            Mask::from_bits(0x1fff_fffe),
        ] {
            // Doubling buffers hold at most twice the outcome, and their sum twice that.
            let bound = 5 * 4 * (length + 64);
            assert!(counted(|| mask.encode(&name)).2 <= bound);
            assert!(counted(|| mask.decode(&name)).2 <= bound);
        }
        for policy in [LocalPolicy::LINUX, LocalPolicy::PORTABLE] {
            assert!(counted(|| policy.local_name(&name).into_bytes()).2 <= 64 * (length + 64));
            let near = &atom.repeat(255 / atom.len());
            assert!(counted(|| policy.local_name(near).into_bytes()).2 <= 1 << 20);
        }
        assert!(counted(|| display_name(&name)).2 <= 64 * (length + 64));
    }
    let invalid = vec![0xff; length];
    assert_eq!(Mask::MEGA.encode(&invalid).len(), 5 * length);
}
