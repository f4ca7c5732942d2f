#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mega_fuzz_checks::retry_machine(input));
