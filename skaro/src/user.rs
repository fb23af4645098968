//! `skaro user`: the users of a server.

use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use crate::control::client::{Target, expect_store, unexpected};
use crate::control::{Answer, Request};
use crate::exit::{self, Exit, Fault};
use crate::output::Lines;
use crate::secrets;
use crate::serve::StoreDirectory;
use crate::text::{self, Shown};

/// Adds, changes, removes, lists users.
///
/// If a server is running on the data, it makes the change, and its connections learn of it. Otherwise the data is
/// changed directly. Passwords are read from the first line of standard input, or from the terminal, which does not
/// show them.
#[derive(Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct UserArgs {
    #[command(flatten)]
    directory: StoreDirectory,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Adds a user.
    Add {
        /// The new user's login.
        login: String,
    },
    /// Changes a password, which ends the user's sessions.
    Passwd {
        /// The user's login.
        login: String,
    },
    /// Deletes a user with all sessions and messages. Messages that others received stay with them.
    Remove {
        /// The user's login.
        login: String,
    },
    /// Lists all users, by login.
    List {
        /// Writes one JSON object per line: login, is_disabled, sessions (in use or restorable), head (the number of
        /// entries that the user's log has had).
        #[arg(long)]
        json: bool,
    },
    /// Disables a user: ends all sessions, and refuses to sign the user in. Messages still arrive.
    Disable {
        /// The user's login.
        login: String,
    },
    /// Lets a disabled user sign in again.
    Enable {
        /// The user's login.
        login: String,
    },
}

pub(crate) fn run(args: UserArgs) -> Result<Exit, Fault> {
    let directory = args.directory.path();
    // Before somebody types a password, which then is read before a server or a store is held up.
    expect_store(&directory)?;
    let request = match args.action {
        Action::Add { login } => {
            let password = new_password(&login)?;
            Request::AddUser { login, password }
        }
        Action::Passwd { login } => {
            let password = new_password(&login)?;
            Request::SetPassword { login, password }
        }
        Action::Remove { login } => Request::RemoveUser { login },
        Action::Disable { login } => Request::SetDisabled { login, is_disabled: true },
        Action::Enable { login } => Request::SetDisabled { login, is_disabled: false },
        Action::List { json } => return list(&mut Target::find(&directory)?, json),
    };
    Target::find(&directory)?.have_done(request)?;
    Ok(Exit::Success)
}

fn new_password(login: &str) -> Result<Zeroizing<String>, Fault> {
    Ok(Zeroizing::new(secrets::new_password(login)?.expose().into()))
}

fn list(target: &mut Target, json: bool) -> Result<Exit, Fault> {
    let (mut lines, mut after) = (Lines::default(), None);
    loop {
        let Answer::Users { users, more } = target.ask(Request::ListUsers { after })? else {
            return Err(unexpected());
        };
        after = users.last().map(|user| user.login.clone());
        for user in &users {
            if json {
                lines.json(user)?;
                continue;
            }
            let state = if user.is_disabled { ", disabled" } else { "" };
            let sessions = if user.sessions == 1 { "session" } else { "sessions" };
            let (name, count, head) = (text::name(&user.login), user.sessions, user.head);
            let shown = format!("{name}: {count} {sessions}, log at {head}{state}");
            lines.say(&Shown::from(shown))?;
        }
        if !more || lines.is_closed() {
            return Ok(Exit::Success);
        }
    }
}
