//! Runs [`tickcast_fuzz::tls_records`] on any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tickcast_fuzz::tls_records(bytes));
