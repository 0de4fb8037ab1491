//! The contenders as programs: how they are called, where they run, and how they are stopped.

mod certificate;
mod command;
mod places;
mod running;

pub use certificate::Certificate;
pub use command::tls_settings;
pub use places::{
    CONTENDER_CORE, LOAD_CORE, beside, free_port, nats_program, node_folder, on_core,
    project_folder,
};
pub use running::RunningContender;
