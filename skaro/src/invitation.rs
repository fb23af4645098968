//! `skaro invitation`: an invitation to register.

use clap::Args;
use jiff::Timestamp;

use crate::control::client::{Target, unexpected};
use crate::control::{Answer, Request};
use crate::exit::{self, Exit, Fault};
use crate::output::{self, Lines};
use crate::serve::StoreDirectory;
use crate::text::Shown;

/// Makes an invitation, with which somebody can register one account.
///
/// It is needed, and of use, where registration is by invitation (skaro serve --registration invitation). If a server has the data
/// open, it is asked; otherwise the data itself is changed.
#[derive(Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct InvitationArgs {
    #[command(flatten)]
    directory: StoreDirectory,
    /// Time in days for which it is good.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650), default_value = "7")]
    invitation_days: u16,
    /// Writes a JSON object: invitation, until (Unix time in milliseconds).
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &InvitationArgs) -> Result<Exit, Fault> {
    let mut target = Target::find(&args.directory.path())?;
    let Answer::Invitation(invitation) = target.ask(Request::Invite { days: args.invitation_days })? else {
        return Err(unexpected());
    };
    if !invitation.is_of_use {
        output::warn("nobody registers by invitation here: see skaro serve --registration");
    }
    let mut lines = Lines::default();
    if args.json {
        let of_use = serde_json::json!({ "invitation": invitation.invitation, "until": invitation.until });
        lines.json(&of_use)?;
    } else {
        let until = Timestamp::from_millisecond(invitation.until).unwrap_or(Timestamp::MAX);
        lines
            .say(&Shown::from(format!("{}: good for one account until {until:.0}", invitation.invitation)))?;
    }
    Ok(Exit::Success)
}
