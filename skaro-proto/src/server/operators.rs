//! Effects of what operators do to accounts and sessions on current connections.

use super::store::{KeptSessions, Operation};
use super::{ConnectionId, Server};
use crate::log::debug;
use crate::output::CloseCode;

impl Server {
    /// Applies an operator's change of an account or a session: connections whose sessions it ended are closed, and
    /// sign-ins under way don't succeed with what was valid before.
    pub(super) fn account_changed(&mut self, operation: &Operation) {
        let (login, info) = match operation {
            Operation::RemoveAccount { login } => (login, "this account was removed"),
            Operation::SetVerifier { login, .. } => {
                (login, "the password was changed: sign in with the new one")
            }
            Operation::SetDisabled { login, is_disabled: true } => (login, "this account was disabled"),
            Operation::EndSessions { login, .. } => (login, ENDED),
            Operation::EndSession { session, .. } => {
                let session = *session;
                self.change_pending(|pending| pending.end_session(session));
                let holder = self.sessions.get(&session).map(|(holder, _)| *holder);
                return holder.into_iter().for_each(|id| self.end_connection(id, ENDED));
            }
            _ => return,
        };
        let keeps = match operation {
            Operation::SetVerifier { keeps, .. } | Operation::EndSessions { keeps, .. } => *keeps,
            _ => KeptSessions::None,
        };
        self.change_pending(|pending| pending.end_sessions(login, keeps));
        let ids = self.accounts.find(login).map(|account| account.online.clone()).unwrap_or_default();
        for id in ids {
            let session = self.connections.get(&id).and_then(|connection| connection.endpoint.session());
            if !session.is_some_and(|session| keeps.keeps(session.key)) {
                self.end_connection(id, info);
            }
        }
    }

    fn end_connection(&mut self, id: ConnectionId, info: &'static str) {
        debug!("connection {id}: its session was ended");
        self.notify_error(id, info.into());
        self.begin_close(id, CloseCode::SessionEnded);
    }
}

const ENDED: &str = "this session was ended: sign in again";
