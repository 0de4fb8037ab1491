//! Runs [`tickcast_fuzz::payload`] on any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tickcast_fuzz::payload(bytes));
