//! Runs [`tickcast_fuzz::socket_io`] on any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tickcast_fuzz::socket_io(bytes));
