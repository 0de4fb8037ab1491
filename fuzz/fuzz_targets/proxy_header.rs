//! Runs [`tickcast_fuzz::proxy_header`] on any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tickcast_fuzz::proxy_header(bytes));
