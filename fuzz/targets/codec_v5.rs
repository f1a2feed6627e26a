//! Bytes into the decoder of 5.0.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| longwave_fuzz::stream(longwave_fuzz::codec::packet::Version::V5, data));
