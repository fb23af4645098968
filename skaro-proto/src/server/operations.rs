//! Operations of the store that are under way: time-outs, repetitions, and the store inside.

use alloc::boxed::Box;
use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use super::Server;
use super::notes::Note;
use super::pending::{Asker, OperationId, Pending, SignIn};
use super::refusal::outcome_unknown;
use super::store::{AccountId, MemoryStore, Operation, Outcome, SessionKey, Store, StoreError};
use crate::time::Time;

/// Time after which a client is told that the outcome of its request is not known.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time after which a refused operation that no client waits for is asked for again.
const RETRY: Duration = Duration::from_secs(1);
/// Maximum number of operations that are asked for again at a time, so that a store that comes back is not overrun.
const RETRIES: usize = 256;
/// Maximum number of open operations of one account, on all its connections together, including those that are gone.
const MAX_OPEN_OF_ACCOUNT: u32 = 256;
/// Maximum number of sign-ins under way, including those whose connections are gone.
const MAX_SIGN_INS: usize = 1024;

/// Time between the last moment at which a session can be taken and its removal.
pub(super) const MOMENT: Duration = Duration::from_millis(1);

/// Duration of an operation beyond which it is noted.
const SLOW: Duration = Duration::from_secs(1);

/// An operation that is under way.
struct Waiting {
    /// The request whose answer it is.
    asker: Option<Asker>,
    /// The account that was signed in on its connection.
    account: Option<AccountId>,
    /// Set once the client was told that the outcome is unknown.
    is_told: bool,
    /// The time until which the client waits.
    until: Time,
    pending: Pending,
    bytes: usize,
}

/// The operations that are under way, and the store, if it is inside.
#[derive(Default)]
pub(super) struct Operations {
    pub(super) inside: Option<Box<MemoryStore>>,
    /// Set while one is carried out inside. Those that result from it follow.
    is_busy: bool,
    next: VecDeque<(Operation, Option<Asker>, Pending)>,
    last: u64,
    /// Operations that the store has not been given yet.
    asked: VecDeque<(OperationId, Operation)>,
    waiting: BTreeMap<OperationId, Waiting>,
    /// The times until which clients wait.
    deadlines: BTreeSet<(Time, OperationId)>,
    /// Number of those that requests of an account wait for.
    open_of: BTreeMap<AccountId, u32>,
    /// Number of those that sign-ins wait for.
    sign_ins: usize,
    /// Refused operations that have to succeed, and the time at which they are tried again.
    refused: VecDeque<Pending>,
    retry_at: Option<Time>,
    /// The time at which to remove sessions that can't be taken any more; `None` if there are none, or the store is
    /// inside.
    pub(super) expire_at: Option<Time>,
    /// Unix time in milliseconds up to which a session can be taken that was broken here.
    broken_until: Option<i64>,
    operated: VecDeque<(OperationId, Result<Outcome, StoreError>)>,
    bytes: usize,
}

/// Bytes that an operation takes besides its texts.
const OPERATION: usize = 2 * (size_of::<Operation>() + size_of::<Waiting>() + size_of::<SignIn>());

impl Operations {
    /// Sessions that were broken before are removed at this time.
    pub(super) fn new(expire_at: Time) -> Self {
        Operations { expire_at: Some(expire_at), ..Operations::default() }
    }

    fn next_id(&mut self) -> OperationId {
        self.last += 1;
        OperationId(self.last)
    }

    /// Returns an estimate of the bytes that operations under way take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.refused.len() * size_of::<Pending>()
    }

    fn put(
        &mut self,
        now: Time,
        operation: Operation,
        asker: Option<Asker>,
        account: Option<AccountId>,
        pending: Pending,
    ) {
        let id = self.next_id();
        let bytes = OPERATION + operation.text_bytes();
        self.bytes += bytes;
        let until = now + TIMEOUT;
        if asker.is_some() {
            self.deadlines.insert((until, id));
        }
        if let Some(account) = account {
            *self.open_of.entry(account).or_default() += 1;
        }
        self.sign_ins += usize::from(pending.is_sign_in());
        self.asked.push_back((id, operation));
        self.waiting.insert(id, Waiting { asker, account, is_told: false, until, pending, bytes });
    }

    fn remove(&mut self, id: OperationId) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id)?;
        self.deadlines.remove(&(waiting.until, id));
        self.bytes -= waiting.bytes;
        self.sign_ins -= usize::from(waiting.pending.is_sign_in());
        if let Some(account) = waiting.account
            && let Entry::Occupied(mut open) = self.open_of.entry(account)
        {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
        Some(waiting)
    }

    /// Returns whether so many sign-ins are under way that no more begin.
    pub(super) const fn has_many_sign_ins(&self) -> bool {
        self.sign_ins >= MAX_SIGN_INS
    }

    /// Returns whether so many operations of an account are open that no more are asked for.
    pub(super) fn has_many_of(&self, account: AccountId) -> bool {
        self.open_of.get(&account).is_some_and(|open| *open >= MAX_OPEN_OF_ACCOUNT)
    }

    /// Returns whether only one more operation of an account may be open. If so after a completion, its connections are
    /// read again.
    fn has_room_for_one(&self, account: AccountId) -> bool {
        self.open_of.get(&account) == Some(&(MAX_OPEN_OF_ACCOUNT - 1))
    }

    /// Time for which the oldest operation has been under way.
    pub(super) fn longest_wait(&self, now: Time) -> Duration {
        let oldest = self.waiting.first_key_value();
        oldest.map_or(Duration::ZERO, |(_, waiting)| (now + TIMEOUT) - waiting.until)
    }

    /// Returns the time at which the machine has something to do about operations.
    pub(super) fn deadline(&self) -> Option<Time> {
        let waiting = self.deadlines.first().map(|(at, _)| *at);
        [waiting, self.retry_at, self.expire_at].into_iter().flatten().min()
    }
}

/// The store outside: see [`with_store`](Server::with_store).
impl Server {
    /// Returns the next operation that the store is to carry out; `None` if there is none for now. Pass its outcome to
    /// [`handle_stored`](Self::handle_stored). Operations with one [lane](Operation::lane) are carried out in the order
    /// in which they come.
    pub fn poll_store(&mut self) -> Option<(OperationId, Operation)> {
        self.operations.asked.pop_front()
    }

    /// Returns the number of operations that are under way: asked for, and not completed.
    #[must_use]
    pub fn open_operations(&self) -> usize {
        self.operations.waiting.len()
    }

    /// Reports that an operation has ended: it is durable, or was not carried out. A second report has no effect.
    pub fn handle_stored(&mut self, now: Time, id: OperationId, result: Result<Outcome, StoreError>) {
        self.advance(now);
        let Some(Waiting { asker, account, is_told, pending, until, .. }) = self.operations.remove(id) else {
            return;
        };
        self.note_time(&pending, (self.now + TIMEOUT) - until);
        if let Some(account) = account.filter(|account| self.operations.has_room_for_one(*account)) {
            for id in self.accounts.online(account) {
                let Some(connection) = self.connections.get_mut(id) else { continue };
                connection.endpoint.handle_pong(self.now);
                connection.mark_ready(*id, &mut self.agenda);
            }
        }
        let Some(asker) = asker else { return self.complete(None, pending, result) };
        let connection = self.connections.get_mut(&asker.id);
        let before = connection.map_or(0, |connection| {
            connection.open -= 1;
            connection.open_first -= u16::from(pending.goes_first() && !is_told);
            // It, and its pongs, may not have been read until now.
            connection.endpoint.handle_pong(self.now);
            connection.mark_ready(asker.id, &mut self.agenda);
            connection.endpoint.queued()
        });
        self.complete(Some(asker).filter(|_| !is_told), pending, result);
        self.charge_output(asker.id, 0, before);
        self.pump(asker.id);
    }

    fn note_time(&mut self, pending: &Pending, took: Duration) {
        let request = if pending.kind().is_empty() { "internal" } else { pending.kind() };
        self.tally.stored(request, took);
        if took > SLOW {
            self.tally.notes.add(|| Note::Slow { request, took });
        }
    }

    /// Asks for an operation on behalf of the operator, and returns its number.
    ///
    /// Its outcome comes from [`poll_operated`](Self::poll_operated): fetch all outcomes, since they are kept until
    /// then. Connected users are told of what the operation changes. It works with any store. With one inside,
    /// [`add_user`](Self::add_user), [`introduce`](Self::introduce) and [`post`](Self::post) carry out theirs at once.
    pub fn operate(&mut self, now: Time, operation: Operation) -> OperationId {
        self.advance(now);
        let id = self.operations.next_id();
        let kept = Box::new(operation.clone());
        self.ask(operation, None, Pending::Operated { id, operation: kept });
        id
    }

    /// Returns the next outcome of an operation that [`operate`](Self::operate) asked for, with the operation's number;
    /// `None` if there is none for now. An error means that the operation was not carried out.
    pub fn poll_operated(&mut self) -> Option<(OperationId, Result<Outcome, StoreError>)> {
        self.operations.operated.pop_front()
    }
}

impl Server {
    /// Asks the store for an operation. A store inside carries it out now, with all that result from it, unless it
    /// results from another one itself: then it follows that one.
    pub(super) fn ask(&mut self, operation: Operation, asker: Option<Asker>, pending: Pending) {
        if self.operations.inside.is_none() {
            let mut account = None;
            if let Some(asker) = asker
                && let Some(connection) = self.connections.get_mut(&asker.id)
            {
                account = connection.user();
                connection.open += 1;
                connection.open_first += u16::from(pending.goes_first());
            }
            return self.operations.put(self.now, operation, asker, account, pending);
        }
        if self.operations.is_busy {
            return self.operations.next.push_back((operation, asker, pending));
        }
        self.operations.is_busy = true;
        self.carry_out_inside(operation, asker, pending);
        while let Some((operation, asker, pending)) = self.operations.next.pop_front() {
            self.carry_out_inside(operation, asker, pending);
        }
        self.operations.is_busy = false;
    }

    fn carry_out_inside(&mut self, operation: Operation, asker: Option<Asker>, pending: Pending) {
        if let Some(store) = &mut self.operations.inside {
            let result = store.execute(operation);
            self.complete(asker, pending, result);
        }
    }

    /// Goes on with what waited for an operation. Without an asker the client has been told that the outcome is
    /// unknown.
    fn complete(&mut self, asker: Option<Asker>, pending: Pending, result: Result<Outcome, StoreError>) {
        match pending {
            Pending::Send(sending) => self.sent(asker, &sending, result),
            Pending::Refuse(refused) => self.refuse_unless_repeated(asker, *refused, result),
            Pending::Identify(sign_in) => self.identified(asker, sign_in, result),
            Pending::Begin(sign_in) => self.session_begun(asker, &sign_in, result),
            Pending::Take(sign_in) => self.session_taken(asker, &sign_in, result),
            Pending::History { page } => self.history_read(asker, page, result),
            Pending::Contacts => self.contacts_listed(asker, result),
            Pending::Mark { account } => self.mark_moved(asker, account, result),
            Pending::ReadLog { id } => match result {
                Ok(Outcome::Entries(entries)) => self.log_read(id, &entries),
                _ => self.try_again(Pending::ReadLog { id }),
            },
            Pending::Register { login } => self.registered(asker, login, result),
            Pending::Invite(inviting) => self.invited(asker, &inviting, result),
            Pending::Change { kind, account, of, joins } => {
                self.changed(asker, (kind, joins), account, &of, result);
            }
            Pending::Find => self.user_found(asker, result),
            Pending::Search => self.users_found(asker, result),
            Pending::CheckPassword(new) => self.password_checked(asker, &new, result),
            Pending::SetPassword { operation } => self.password_set(asker, &operation, result),
            Pending::ListSessions { session } => self.sessions_listed(asker, session, result),
            Pending::EndSessions { operation, ending } => {
                self.sessions_ended(asker, &operation, &ending, result);
            }
            Pending::Typing { account } => self.typing_found(account, result),
            Pending::Known { login, is_online } => self.known_listed(&login, is_online, result),
            Pending::Other { ref kind } => self.answered_elsewhere(asker, kind, result),
            // Now, and not when it was asked for: a removal that was asked for since may have been carried out before.
            Pending::Leave { .. } if result.is_ok() => self.expire_later(),
            Pending::Leave { .. } | Pending::Expire => {
                if result.is_err() {
                    self.try_again(pending);
                }
            }
            Pending::Operated { id, operation } => {
                self.operated(&operation, &result);
                self.operations.operated.push_back((id, result));
            }
        }
    }

    /// Changes what waits for operations.
    pub(super) fn change_pending(&mut self, mut change: impl FnMut(&mut Pending)) {
        self.operations.waiting.values_mut().for_each(|waiting| change(&mut waiting.pending));
    }

    fn try_again(&mut self, pending: Pending) {
        self.operations.refused.push_back(pending);
        self.operations.retry_at.get_or_insert(self.now + RETRY);
    }

    /// Ends a session whose connection ended.
    pub(super) fn leave_session(&mut self, session: SessionKey, epoch: u64) {
        self.leave_session_at(session, epoch, self.unix_now());
    }

    /// Ends a session whose connection ended at this Unix time in milliseconds.
    fn leave_session_at(&mut self, session: SessionKey, epoch: u64, now: i64) {
        let lifetime = i64::try_from(self.config.session_lifetime.as_millis()).unwrap_or(i64::MAX);
        let until = Some(now.saturating_add(lifetime));
        self.operations.broken_until = self.operations.broken_until.max(until);
        self.ask(
            Operation::LeaveSession { session, epoch, now },
            None,
            Pending::Leave { session, epoch, now },
        );
    }

    /// Has broken sessions removed once the last one can't be taken any more. A store inside tells when that is.
    fn expire_later(&mut self) {
        if self.operations.inside.is_none() {
            let at = self.now + self.config.session_lifetime + MOMENT;
            self.operations.expire_at.get_or_insert(at);
        }
    }

    /// Returns when to remove sessions that can't be taken any more, if the store is inside.
    pub(super) fn session_deadline(&self) -> Option<Time> {
        let until = self.operations.inside.as_ref()?.next_session_end()?;
        // A moment later than the last one at which it can be taken.
        Some(self.time_of_day.when(until.saturating_add(1)))
    }

    /// Handles what is due by now: time-outs, repetitions, and the end of sessions.
    pub(super) fn check_operations(&mut self) {
        let now = self.now;
        while let Some((_, id)) = self.operations.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.operations.deadlines.pop_first();
            let Some(waiting) = self.operations.waiting.get_mut(&id) else { continue };
            let Some(asker) = waiting.asker else { continue };
            waiting.is_told = true;
            let pending = &waiting.pending;
            let kind = match pending {
                Pending::Other { kind } => kind.clone(),
                listed => listed.kind().into(),
            };
            if let Some(connection) = self.connections.get_mut(&asker.id) {
                connection.is_signing_in &= !pending.is_sign_in();
                connection.open_first -= u16::from(pending.goes_first());
            }
            self.answer(asker.id, asker.number, &kind, outcome_unknown());
        }
        if self.operations.retry_at.take_if(|at| *at <= now).is_some() {
            // Operations that are refused again wait behind the others.
            let count = self.operations.refused.len().min(RETRIES);
            let first: Vec<_> = self.operations.refused.drain(..count).collect();
            first.into_iter().for_each(|pending| self.retry(pending));
            if !self.operations.refused.is_empty() {
                self.operations.retry_at = Some(now + RETRY);
            }
        }
        self.check_presence();
        let is_due = self.operations.expire_at.take_if(|at| *at <= now).is_some();
        if is_due || self.session_deadline().is_some_and(|at| at <= now) {
            self.expire();
        }
    }

    fn retry(&mut self, pending: Pending) {
        match pending {
            Pending::Leave { session, epoch, now } => self.leave_session_at(session, epoch, now),
            Pending::Expire => self.expire(),
            Pending::ReadLog { id } => {
                if let Some(cursor) = self.connections.get_mut(&id).and_then(|it| it.cursor.as_mut()) {
                    cursor.read_failed();
                }
                self.pump(id);
            }
            // For all others a client waits.
            _ => (),
        }
    }

    /// Removes the sessions that can't be taken any more.
    fn expire(&mut self) {
        let now = self.unix_now();
        // Others have broken since, or the clock was set back.
        if self.operations.broken_until.is_some_and(|until| until >= now) {
            self.expire_later();
        }
        self.ask(Operation::Expire { now }, None, Pending::Expire);
    }
}
