//! Runs [`tickcast_fuzz::reader`] on any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tickcast_fuzz::reader(bytes));
