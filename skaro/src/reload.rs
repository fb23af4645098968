//! `skaro reload`: a server reads its options again.

use clap::Args;

use crate::control::Request;
use crate::control::client::Target;
use crate::exit::{self, Exit, Fault};
use crate::serve::StoreDirectory;

/// Lets the server that runs read options, certificates and users again, without a cut. SIGHUP does the same.
///
/// An error is told, and changes nothing. What only a restart changes is told in the server's log.
#[derive(Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    directory: StoreDirectory,
}

pub(crate) fn run(args: &ReloadArgs) -> Result<Exit, Fault> {
    Target::find(&args.directory.path())?.have_done(Request::Reload)?;
    Ok(Exit::Success)
}
