//! [`visage_fuzz::upload`] as a target of libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(
    // A panic that somebody catches is no crash: the sound decoder's become errors.
    init: std::panic::set_hook(Box::new(|_| ())),
    |data: &[u8]| visage_fuzz::upload(data)
);
