//! [`visage_fuzz::upload`] as a target of libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| visage_fuzz::upload(data));
