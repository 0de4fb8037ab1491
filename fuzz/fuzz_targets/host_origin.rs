//! Runs [`tickcast_fuzz::host_origin`] on any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tickcast_fuzz::host_origin(bytes));
