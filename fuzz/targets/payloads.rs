//! Payloads into the readers of commands and requests.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| longwave_fuzz::payload(data));
