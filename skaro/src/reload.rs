//! `skaro reload`: a server reads its options again.

use clap::Args;

use crate::control::client::{Target, unexpected};
use crate::control::{Answer, Request};
use crate::exit::{self, Exit, Fault};
use crate::output;
use crate::serve::StoreDirectory;

/// Makes the running server read options, certificates and users again; connections stay open. SIGHUP does the same.
///
/// If there is an error, it is reported, and no option changes. Options that only a restart changes are reported, too.
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
