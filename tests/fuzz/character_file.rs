//! [`visage_fuzz::character_file`] as a target of libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| visage_fuzz::character_file(data));
