//! Runs [`tickcast_fuzz::client_json`] on any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tickcast_fuzz::client_json(bytes));
