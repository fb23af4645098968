//! `skaro reload`: a server reads its options again.

use clap::Args;

use crate::control::client::{Target, unexpected};
use crate::control::{Answer, Request};
use crate::exit::{self, Exit, Fault};
use crate::output;
use crate::serve::StoreDirectory;

/// Lets the server that runs read options, certificates and users again, without a cut. SIGHUP does the same.
///
/// An error is told, and changes no option. What only a restart changes is told, too.
#[derive(Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    directory: StoreDirectory,
}

pub(crate) fn run(args: &ReloadArgs) -> Result<Exit, Fault> {
    let Answer::Reloaded { restart } = Target::find(&args.directory.path())?.ask(Request::Reload)? else {
        return Err(unexpected());
    };
    for option in restart {
        output::warn(&format!("{option} is changed only by a restart"));
    }
    Ok(Exit::Success)
}
