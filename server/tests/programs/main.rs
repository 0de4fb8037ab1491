//! Tests of the program as an operator runs it: settings, the admin address, shards, the whole way
//! from a feed to subscribers, history and status, and the rules that its source keeps.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod admin;
mod audit;
mod bare;
mod candles;
mod cluster;
mod cluster_orders;
mod config;
mod data;
mod data_catch_up;
mod data_kills;
mod descriptors;
mod embedded;
mod end_to_end;
mod end_to_end_resume;
mod end_to_end_slow;
mod feed_outages;
mod history;
mod history_lines;
mod identities;
mod ledger;
mod limits;
mod listen_names;
mod listeners;
mod log_faults;
mod log_json;
mod log_tools;
mod memory;
mod narrowed;
mod older_candles;
mod operators;
mod promises;
mod proxies;
mod publish;
mod publish_once;
mod rules;
mod service_manager;
mod shards;
mod signals;
mod slow_link;
mod socket_activation;
mod status;
mod task_failures;
mod threats;
mod tickets;
mod tls;
mod token_in_url;
mod token_refresh;
