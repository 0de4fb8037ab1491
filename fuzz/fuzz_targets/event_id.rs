//! Runs [`tickcast_fuzz::event_id`] on any bytes.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tickcast_fuzz::event_id(bytes));
