//! Runs [`tickcast_fuzz::server_bincode`] on any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tickcast_fuzz::server_bincode(bytes));
