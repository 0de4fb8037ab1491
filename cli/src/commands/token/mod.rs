//! `tickcast token`: makes and reads signed tokens (JWT, RFC 7519).
//!
//! * `signer`: the cryptography
//! * `make`: a new token
//! * `show`: what a token says

mod make;
mod show;
mod signer;

use clap::{Args, Subcommand};

use crate::exit::Failure;

/// Make and read signed tokens
///
/// A server whose identities file has a section `jwt` checks them. Tokens that the file lists are
/// made with `tickcast-server --make-token`, which prints their table as well.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    Make(Box<make::MakeArgs>),
    Show(show::ShowArgs),
}

impl TokenArgs {
    pub(crate) fn run(self) -> Result<String, Failure> {
        match self.command {
            TokenCommand::Make(args) => args.run(),
            TokenCommand::Show(args) => args.run(),
        }
    }
}
