//! Presence: who comes and goes, types, and reads. It may be lost, and is told only to connections that asked for it.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use super::pending::Pending;
use super::store::{AccountId, Login, Operation, Outcome, StoreError, is_conference};
use super::{ConnectionId, Server};
use crate::message::{ChangedUserData, Date, ReadBy, Sender, ServerMessage, Typing, User};
use crate::time::Time;

/// Delay before it is told that a user has come or gone. A user who is back by then has not gone.
const DELAY: Duration = Duration::from_secs(2);
/// Units of a user's message rate that it costs to tell that the user types, since that may reach a thousand others.
const TYPING: u32 = 5;
/// Maximum number of lists of those who know a user that are asked for at a time.
const MAX_OPEN: usize = 64;

/// Users whose coming or going is to be told.
#[derive(Default)]
pub(super) struct Presence {
    due: BTreeSet<(Time, AccountId)>,
    /// Number of lists that are under way.
    open: usize,
}

impl Presence {
    /// Returns the time at which something is to be told.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at).filter(|_| self.open < MAX_OPEN)
    }
}

impl Server {
    /// A user has come, with the first connection, or has gone, with the last one.
    pub(super) fn presence_changed(&mut self, account: AccountId) {
        let Some(user) = self.accounts.get_mut(account) else { return };
        let is_online = !user.online.is_empty();
        if is_online == user.is_told_online {
            return;
        }
        // From now on lists of contacts tell so.
        if is_online {
            (user.is_told_online, user.is_news) = (true, true);
        }
        if !core::mem::replace(&mut user.is_presence_due, true) {
            let at = self.now + DELAY;
            self.presence.due.insert((at, account));
        }
    }

    /// Tells of users who have come or gone, and have not changed back since.
    pub(super) fn check_presence(&mut self) {
        while let Some((at, account)) = self.presence.due.first().copied()
            && at <= self.now
            && self.presence.open < MAX_OPEN
        {
            self.presence.due.pop_first();
            let Some(is_online) = self.accounts.tell_presence(account) else { continue };
            let max_users = self.config.max_members;
            self.presence.open += 1;
            let login = self.accounts.get(account).map(|user| user.login.clone()).unwrap_or_default();
            self.ask(Operation::ListKnown { account, max_users }, None, Pending::Known { login, is_online });
        }
    }

    /// Tells those who know a user, who were listed, that the user has come or gone.
    pub(super) fn known_listed(
        &mut self,
        login: &Login,
        is_online: bool,
        result: Result<Outcome, StoreError>,
    ) {
        self.presence.open = self.presence.open.saturating_sub(1);
        let Ok(Outcome::Known(known)) = result else { return };
        let mut user = User::new(&**login);
        user.extra.push("online", is_online);
        let message = ServerMessage::ChangedUserData(ChangedUserData::new(user));
        self.tell_presence(known.into_iter(), &message);
    }

    /// A client tells that its user types.
    pub(super) fn typing(&mut self, id: ConnectionId, login: &str) {
        let Ok(account) = self.signed_in_user(id) else { return };
        if self.check_login(login).is_err() || self.charge_entries(account, TYPING).is_err() {
            return;
        }
        let login = Login::from(login);
        self.ask(Operation::FindUser { account, login }, None, Pending::Typing { account });
    }

    /// The user to whom another one types was found.
    pub(super) fn typing_found(&mut self, account: AccountId, result: Result<Outcome, StoreError>) {
        let Ok(Outcome::User(contact, members)) = result else { return };
        let Some(user) = self.accounts.get(account).map(|account| account.login.clone()) else { return };
        let is_blocked = contact.state == super::store::ContactState::Blocked;
        if contact.id == account || is_blocked || !self.knows(&contact) {
            return;
        }
        let mut sender = Sender::new(&*user);
        let targets: Vec<_> = if is_conference(&contact.login) {
            if !contact.is_known {
                return;
            }
            sender.in_conference = Some((&*contact.login).into());
            members.iter().map(|member| member.id).filter(|member| *member != account).collect()
        } else {
            Vec::from([contact.id])
        };
        self.tell_presence(targets.into_iter(), &ServerMessage::Typing(Typing::new(sender)));
    }

    /// Tells a user up to where another one has read their dialog.
    pub(super) fn tell_read(&mut self, reader: AccountId, told: AccountId, date: i64) {
        let Some(user) = self.accounts.get(reader).map(|account| account.login.clone()) else { return };
        let message = ServerMessage::ReadBy(ReadBy::new(&*user, Date::Integer(date)));
        self.tell_presence([told].into_iter(), &message);
    }

    /// Sends something to the connections of these users that hear of presence, and read what they are sent.
    fn tell_presence(&mut self, targets: impl Iterator<Item = AccountId>, message: &ServerMessage<'_>) {
        self.scratch.begin();
        for account in targets {
            for id in self.accounts.online(account) {
                let Some(connection) = self.connections.get_mut(id) else { continue };
                if connection.hears_presence && connection.endpoint.has_room(&self.config) {
                    let written = self.scratch.write(connection.endpoint.format(), message);
                    connection.push_written(*id, written, self.now, &self.config, &mut self.agenda);
                }
            }
        }
    }
}
