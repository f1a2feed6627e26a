//! Scripts of packets, answers, deliveries and time into a session.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| longwave_fuzz::play(data));
