//! Messages to conferences: their rate, and their way to all members.

use alloc::collections::BTreeMap;
use alloc::format;

use super::pending::{Asker, Sending};
use super::rate::{Bucket, Rate, seconds};
use super::refusal::{Refused, refused};
use super::store::{AccountId, Appended, Grown, Login};
use super::{ConnectionId, Server};
use crate::message::{Date, Message, ServerMessage};
use crate::time::Time;

/// Rates of messages to conferences, of all members together and of each, as long as they have an effect.
#[derive(Default)]
pub(super) struct ConferenceRates {
    all: BTreeMap<(Login, Option<AccountId>), Bucket>,
    /// Number of rates at which those that have no effect any more are forgotten.
    tidy_at: usize,
}

/// Number of rates that are kept without being checked.
const KEPT: usize = 1024;
/// Bytes that a rate takes.
const RATE: usize = 2 * (size_of::<(Login, Option<AccountId>)>() + size_of::<Bucket>());

/// The share of one member: half of the rate, so that nobody alone silences the others.
const fn share(rate: Rate) -> Rate {
    Rate::new(rate.per_second.div_ceil(2), rate.burst.div_ceil(2))
}

impl ConferenceRates {
    /// Takes the cost of a message from its sender's share, before it is known whether the sender is a member. The rate
    /// of all members is only checked, since otherwise a stranger could use it up.
    ///
    /// # Errors
    /// If there is too little of either: the time to wait.
    fn take(
        &mut self,
        conference: &str,
        sender: AccountId,
        count: u32,
        now: Time,
        rate: Rate,
    ) -> Result<(), core::time::Duration> {
        let conference = Login::from(conference);
        let all = self.all.get(&(conference.clone(), None)).copied();
        if let Some(until) = all.and_then(|mut bucket| bucket.take(0, now, rate)) {
            return Err(until - now);
        }
        self.bucket(&conference, Some(sender), now).try_take(count, now, share(rate))
    }

    /// Gives back the cost of a message that was not posted.
    fn give_back(&mut self, conference: &str, sender: AccountId, count: u32, rate: Rate) {
        if let Some(bucket) = self.all.get_mut(&(Login::from(conference), Some(sender))) {
            bucket.give_back(count, share(rate));
        }
    }

    /// Counts a message that was posted.
    fn count(&mut self, conference: &Login, count: u32, now: Time, rate: Rate) {
        self.bucket(conference, None, now).take(count, now, rate);
    }

    /// Returns a rate, which is new if none is kept. Makes room for it first: a user may name any number of conferences
    /// that do not exist.
    fn bucket(&mut self, conference: &Login, member: Option<AccountId>, now: Time) -> &mut Bucket {
        if self.all.len() > self.tidy_at.max(KEPT) {
            self.all.retain(|_, bucket| bucket.full_at() > now);
            self.tidy_at = 2 * self.all.len();
        }
        self.all.entry((conference.clone(), member)).or_default()
    }

    /// Bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.all.len() * RATE
    }
}

impl Server {
    /// Refuses to let a user join, or found, another conference after too many.
    pub(super) fn check_joins(&self, account: AccountId) -> Result<(), Refused> {
        let Some(limit) = self.config.joins_per_user else { return Ok(()) };
        let wait = self.joins.wait(u128::from(account.0).to_be_bytes(), self.now, limit);
        if wait.is_zero() {
            return Ok(());
        }
        let wait = seconds(wait);
        refused(429, format!("too many conferences: try again in {wait} s"))
    }

    /// Counts a conference that a user has joined or founded. Each leaves entries in logs, and takes a name.
    pub(super) fn note_join(&mut self, account: AccountId) {
        if let Some(limit) = self.config.joins_per_user {
            self.joins.add(u128::from(account.0).to_be_bytes(), self.now, limit);
        }
    }

    /// Takes the cost of a message to a conference from its sender's rate and share, or refuses it after too many of
    /// all members or of this one. Returns the sender's login.
    pub(super) fn charge_conference(
        &mut self,
        from: AccountId,
        to: &str,
        count: u32,
    ) -> Result<Login, Refused> {
        let sender = self.charge_entries(from, count)?;
        let Some(rate) = self.config.conference_rate else { return Ok(sender) };
        let Err(wait) = self.conference_rates.take(to, from, count, self.now, rate) else {
            return Ok(sender);
        };
        self.give_back(from, count);
        let wait = seconds(wait);
        refused(429, format!("too many messages to this conference: try again in {wait} s"))
    }

    /// Gives back the cost of a message that was not appended.
    pub(super) fn refund(&mut self, sending: &Sending) {
        self.give_back(sending.from, sending.charged);
        if let Some(rate) = self.config.conference_rate {
            self.conference_rates.give_back(&sending.to, sending.from, sending.charged, rate);
        }
    }

    /// Answers the sender of a message that is in the logs of all members of a conference, and shows it to all.
    pub(super) fn posted(
        &mut self,
        asker: Option<Asker>,
        sending: &Sending,
        appended: &Appended,
        logs: &[Grown],
    ) {
        // The operator's messages cost nothing.
        if let Some(rate) = self.config.conference_rate.filter(|_| sending.charged > 0) {
            self.conference_rates.count(&sending.to, sending.charged, self.now, rate);
        }
        if let Some(asker) = asker {
            self.answer_sent(asker, sending.key.is_some(), appended);
        }
        let origin = asker.map(|asker| asker.id);
        let own = Grown { account: sending.from, position: appended.position };
        let accounts = logs.iter().chain([&own]).map(|grown| grown.account);
        let message = ServerMessage::ShowMessage(in_conference(sending, appended.date));
        self.show_without_cursor(&message, accounts, origin);
        self.show_grown(sending, appended.date, own, sending.key.as_deref(), origin);
        for grown in logs {
            self.show_grown(sending, appended.date, *grown, None, origin);
        }
    }

    /// Sends the entry of a message to the cursors over a log.
    fn show_grown(
        &mut self,
        sending: &Sending,
        date: i64,
        grown: Grown,
        key: Option<&str>,
        origin: Option<ConnectionId>,
    ) {
        let ids = self.accounts.online(grown.account);
        if ids.is_empty() {
            return;
        }
        let ids = ids.to_vec();
        self.accounts.grew(grown.account, grown.position);
        let mut message = in_conference(sending, date);
        (message.position, message.key) = (Some(grown.position), key.map(Into::into));
        self.feed(grown.position, &ServerMessage::ShowMessage(message), key, &ids, origin);
    }
}

fn in_conference(sending: &Sending, date: i64) -> Message<'_> {
    let mut message = Message::new(&*sending.sender, &*sending.to, &*sending.body);
    message.from.in_conference = Some((&*sending.to).into());
    message.date = Some(Date::Integer(date));
    message
}
