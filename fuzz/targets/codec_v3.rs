//! Bytes into the decoder of 3.1.1.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| longwave_fuzz::stream(longwave_fuzz::codec::packet::Version::V311, data));
