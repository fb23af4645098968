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

/// Rates of messages to conferences, of all members together and of each, as far as they say something.
#[derive(Default)]
pub(super) struct ConferenceRates {
    all: BTreeMap<(Login, Option<AccountId>), Bucket>,
    /// Number of rates at which those that say nothing any more are forgotten.
    tidy_at: usize,
}

/// Number of rates that are kept without a look at them.
const KEPT: usize = 1024;
/// Bytes that a rate takes.
const RATE: usize = 2 * (size_of::<(Login, Option<AccountId>)>() + size_of::<Bucket>());

/// The share of one member: half of the rate, so that nobody alone silences the others.
const fn share(rate: Rate) -> Rate {
    Rate::new(rate.per_second.div_ceil(2), rate.burst.div_ceil(2))
}

impl ConferenceRates {
    /// Returns the time to wait until a member may send another message.
    fn wait(
        &self,
        conference: &str,
        member: AccountId,
        now: Time,
        rate: Rate,
    ) -> Option<core::time::Duration> {
        let conference = Login::from(conference);
        let wait = |member, rate| {
            let mut bucket = self.all.get(&(conference.clone(), member)).copied()?;
            bucket.take(0, now, rate).map(|at| at - now)
        };
        wait(None, rate).max(wait(Some(member), share(rate)))
    }

    /// Counts a message of a member.
    fn take(&mut self, conference: &Login, member: AccountId, count: u32, now: Time, rate: Rate) {
        for (member, rate) in [(None, rate), (Some(member), share(rate))] {
            self.all.entry((conference.clone(), member)).or_default().take(count, now, rate);
        }
        if self.all.len() > self.tidy_at.max(KEPT) {
            self.all.retain(|_, bucket| bucket.full_at() > now);
            self.tidy_at = 2 * self.all.len();
        }
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

    /// A user has joined or founded a conference. Each leaves entries in logs, and a name that is taken.
    pub(super) fn note_join(&mut self, account: AccountId) {
        if let Some(limit) = self.config.joins_per_user {
            self.joins.add(u128::from(account.0).to_be_bytes(), self.now, limit);
        }
    }

    /// Refuses a message to a conference after too many, of all members or of this one.
    pub(super) fn check_conference(&self, from: AccountId, to: &str) -> Result<(), Refused> {
        let Some(rate) = self.config.conference_rate else { return Ok(()) };
        match self.conference_rates.wait(to, from, self.now, rate) {
            None => Ok(()),
            Some(wait) => {
                let wait = seconds(wait);
                refused(429, format!("too many messages to this conference: try again in {wait} s"))
            }
        }
    }

    /// A message is in the logs of all members of a conference: its sender is answered, and all are shown it.
    pub(super) fn posted(
        &mut self,
        asker: Option<Asker>,
        sending: &Sending,
        appended: &Appended,
        logs: &[Grown],
    ) {
        // Only now: who is no member could use the rate up.
        if let Some(rate) = self.config.conference_rate {
            let count = sending.charged.max(1);
            self.conference_rates.take(&sending.to, sending.from, count, self.now, rate);
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
