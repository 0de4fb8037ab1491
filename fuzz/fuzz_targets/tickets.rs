//! Runs [`tickcast_fuzz::tickets`] on any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tickcast_fuzz::tickets(bytes));
