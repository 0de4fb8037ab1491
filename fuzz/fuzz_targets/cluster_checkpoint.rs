//! Runs [`tickcast_fuzz::cluster_checkpoint`] on any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tickcast_fuzz::cluster_checkpoint(bytes));
