//! `skaro session`: who is signed in.

use clap::{ArgGroup, Args, Subcommand};
use jiff::Timestamp;

use crate::control::client::{Target, unexpected};
use crate::control::{Answer, Request, Session};
use crate::exit::{self, Exit, Fault};
use crate::output::Lines;
use crate::serve::StoreDirectory;
use crate::text::{self, Shown};

/// Lists and ends sessions: those in use, and those that can be restored for some minutes after a connection ended.
///
/// If a server is running on the data, it ends the connections as well. A user who knows the password may sign in
/// again. `skaro user passwd` and `skaro user disable` end sessions, too.
#[derive(Args)]
#[command(after_help = exit::TABLE)]
pub(crate) struct SessionArgs {
    #[command(flatten)]
    directory: StoreDirectory,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Lists sessions, of one user or of all.
    List {
        /// The user's login.
        login: Option<String>,
        /// Writes a JSON object a line: session, login, until (Unix time in milliseconds; null while in use),
        /// address (null if it is not known).
        #[arg(long)]
        json: bool,
    },
    /// Ends the sessions of a user, one session, or all.
    #[command(group = ArgGroup::new("which").required(true).args(["login", "session", "all"]))]
    End {
        /// The user's login.
        login: Option<String>,
        /// A session, as it is listed.
        #[arg(long, value_name = "KEY")]
        session: Option<String>,
        /// All sessions of all users.
        #[arg(long)]
        all: bool,
    },
}

pub(crate) fn run(args: SessionArgs) -> Result<Exit, Fault> {
    let mut target = Target::find(&args.directory.path())?;
    match args.action {
        Action::List { login, json } => {
            let mut lines = Lines::default();
            each(&mut target, login.as_deref(), |_, session| {
                if json {
                    lines.json(&session)?
                } else {
                    lines.say(&shown(&session))?
                }
                Ok(!lines.is_closed())
            })?;
        }
        Action::End { login: Some(login), .. } => target.have_done(Request::EndSessions { login })?,
        Action::End { session: Some(session), .. } => target.have_done(Request::EndSession { session })?,
        Action::End { .. } => each(&mut target, None, |target, Session { session, .. }| {
            target.have_done(Request::EndSession { session }).map(|()| true)
        })?,
    }
    Ok(Exit::Success)
}

/// Calls a function for each session, until it returns `false`.
fn each(
    target: &mut Target,
    login: Option<&str>,
    mut call: impl FnMut(&mut Target, Session) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut after = None;
    loop {
        let login = login.map(String::from);
        let Answer::Sessions { sessions, more } = target.ask(Request::ListSessions { login, after })? else {
            return Err(unexpected());
        };
        after = sessions.last().map(|session| session.session.clone());
        for session in sessions {
            if !call(target, session)? {
                return Ok(());
            }
        }
        if !more {
            return Ok(());
        }
    }
}

fn shown(session: &Session) -> Shown {
    let state = match session.until.map(Timestamp::from_millisecond) {
        None => session.address.as_ref().map_or("in use".into(), |address| format!("in use from {address}")),
        Some(Ok(until)) => format!("can be restored until {until:.0}"),
        Some(Err(_)) => "can be restored".into(),
    };
    Shown::from(format!("{} {}: {state}", session.session, text::name(&session.login)))
}
