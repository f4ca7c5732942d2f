#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mega_fuzz_checks::event_application(input));
