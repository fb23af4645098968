//! Operations of the store that are under way: time-outs, repetitions, and the store inside.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use super::pending::{Asker, OperationId, Pending, SignIn};
use super::refusal::{Refused, out_of_memory, refused};
use super::store::{AccountId, MemoryStore, Operation, Outcome, SessionKey, Store, StoreError};
use super::{ConnectionId, Server};
use crate::time::Time;

/// Time after which a client is told that the outcome of its request is not known.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time after which an operation is asked for again that nobody waits for, if it was refused.
const RETRY: Duration = Duration::from_secs(1);

/// An operation that is under way.
struct Waiting {
    /// The request whose answer it is.
    asker: Option<Asker>,
    /// Set once the client was told that the outcome is unknown.
    is_told: bool,
    /// Until when the client waits.
    until: Time,
    pending: Pending,
    bytes: usize,
}

/// The operations that are under way, and the store, if it is inside.
#[derive(Default)]
pub(super) struct Operations {
    pub(super) inside: Option<Box<MemoryStore>>,
    /// Set while one is carried out inside: those that come of it follow.
    is_busy: bool,
    next: VecDeque<(Operation, Option<Asker>, Pending)>,
    last: u64,
    /// Those that the store was not given yet.
    asked: VecDeque<(OperationId, Operation)>,
    waiting: BTreeMap<OperationId, Waiting>,
    /// Until when clients wait.
    deadlines: BTreeSet<(Time, OperationId)>,
    /// Operations that were refused, and must not be, and when they are tried again.
    refused: Vec<Retry>,
    retry_at: Option<Time>,
    /// When sessions are to be removed that can't be taken any more, if that is not seen inside.
    pub(super) expire_at: Option<Time>,
    /// Set if more of them were broken since that was decided.
    expire_again: bool,
    operated: VecDeque<(OperationId, Result<Outcome, StoreError>)>,
    bytes: usize,
}

/// An operation that is to be tried again.
enum Retry {
    Leave { session: SessionKey, epoch: u64 },
    ReadLog { id: ConnectionId },
    ReadEntry { account: AccountId, after: u64 },
}

/// Bytes that an operation takes besides its texts.
const OPERATION: usize = 2 * (size_of::<Operation>() + size_of::<Waiting>() + size_of::<SignIn>());

fn text_bytes(operation: &Operation) -> usize {
    match operation {
        // Shared with what continues.
        Operation::Append { body, .. } | Operation::FindKey { body, .. } => body.len(),
        _ => 0,
    }
}

impl Operations {
    /// Sessions that were broken before are removed at this time.
    pub(super) fn new(expire_at: Time) -> Self {
        Operations { expire_at: Some(expire_at), ..Operations::default() }
    }

    fn next_id(&mut self) -> OperationId {
        self.last += 1;
        OperationId(self.last)
    }

    /// Estimate of the bytes that operations take which are under way.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.refused.len() * size_of::<Retry>()
    }

    fn put(&mut self, now: Time, operation: Operation, asker: Option<Asker>, pending: Pending) {
        let id = self.next_id();
        let bytes = OPERATION + text_bytes(&operation);
        self.bytes += bytes;
        let until = now + TIMEOUT;
        if asker.is_some() {
            self.deadlines.insert((until, id));
        }
        self.asked.push_back((id, operation));
        self.waiting.insert(id, Waiting { asker, is_told: false, until, pending, bytes });
    }

    fn remove(&mut self, id: OperationId) -> Option<Waiting> {
        let waiting = self.waiting.remove(&id)?;
        self.deadlines.remove(&(waiting.until, id));
        self.bytes -= waiting.bytes;
        Some(waiting)
    }

    /// When the machine has something to do about operations.
    pub(super) fn deadline(&self) -> Option<Time> {
        let waiting = self.deadlines.first().map(|(at, _)| *at);
        [waiting, self.retry_at, self.expire_at].into_iter().flatten().min()
    }
}

/// The store outside: see [`with_store`](Server::with_store).
impl Server {
    /// Returns the next operation that the store is to carry out; `None` when there is none for now. Its outcome goes to
    /// [`handle_stored`](Self::handle_stored). Operations with one [lane](Operation::lane) are carried out in the order in
    /// which they come.
    pub fn poll_store(&mut self) -> Option<(OperationId, Operation)> {
        self.operations.asked.pop_front()
    }

    /// Returns the number of operations that are under way: asked for, and not completed.
    #[must_use]
    pub fn open_operations(&self) -> usize {
        self.operations.waiting.len()
    }

    /// An operation has come to its end: it is durable, or was not carried out. A second completion has no effect.
    pub fn handle_stored(&mut self, now: Time, id: OperationId, result: Result<Outcome, StoreError>) {
        self.advance(now);
        let Some(Waiting { asker, is_told, pending, .. }) = self.operations.remove(id) else { return };
        let Some(asker) = asker else { return self.complete(None, pending, result) };
        let connection = self.connections.get_mut(&asker.id);
        let before = connection.map_or(0, |connection| {
            connection.open -= 1;
            connection.mark_ready(asker.id, &mut self.agenda);
            connection.output.len()
        });
        self.complete(Some(asker).filter(|_| !is_told), pending, result);
        self.charge_output(asker.id, 0, before);
        self.pump(asker.id);
    }

    /// Asks for an operation in the name of whoever runs the server; its outcome comes from
    /// [`poll_operated`](Self::poll_operated). What it changes reaches those who are connected.
    pub fn operate(&mut self, now: Time, operation: Operation) -> OperationId {
        self.advance(now);
        let id = self.operations.next_id();
        let kept = Box::new(operation.clone());
        self.ask(operation, None, Pending::Operated { id, operation: kept });
        id
    }

    /// Returns the outcome of an operation that was asked for by [`operate`](Self::operate); `None` when there is none for
    /// now.
    pub fn poll_operated(&mut self) -> Option<(OperationId, Result<Outcome, StoreError>)> {
        self.operations.operated.pop_front()
    }
}

impl Server {
    /// Asks the store for an operation. The one inside carries it out now, with all that comes of it, unless this comes of
    /// another one: then it follows.
    pub(super) fn ask(&mut self, operation: Operation, asker: Option<Asker>, pending: Pending) {
        if self.operations.inside.is_none() {
            if let Some(asker) = asker
                && let Some(connection) = self.connections.get_mut(&asker.id)
            {
                connection.open += 1;
            }
            return self.operations.put(self.now, operation, asker, pending);
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

    /// Goes on with what waited for an operation. Without an asker the client has been told that the outcome is unknown.
    fn complete(&mut self, asker: Option<Asker>, pending: Pending, result: Result<Outcome, StoreError>) {
        match pending {
            Pending::Send(sending) => self.sent(asker, &sending, result),
            Pending::Refuse(refused) => self.refuse_unless_repeated(asker, *refused, result),
            Pending::Identify(sign_in) => self.identified(asker, sign_in, result),
            Pending::Begin(sign_in) => self.session_begun(asker, &sign_in, result),
            Pending::Take(sign_in) => self.session_taken(asker, &sign_in, result),
            Pending::History { with, page } => self.history_read(asker, &with, page, result),
            Pending::Contacts => self.contacts_listed(asker, result),
            Pending::Mark { account } => self.mark_moved(asker, account, result),
            Pending::ReadLog { id } => match result {
                Ok(Outcome::Entries(entries)) => self.log_read(id, &entries),
                _ => self.try_again(Retry::ReadLog { id }),
            },
            Pending::ReadEntry { account, after } => match result {
                Ok(Outcome::Entries(entries)) => self.entry_read(account, &entries),
                _ => self.try_again(Retry::ReadEntry { account, after }),
            },
            Pending::Leave { session, epoch } => {
                if result.is_err() {
                    self.try_again(Retry::Leave { session, epoch });
                }
            }
            Pending::Expire => (),
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

    fn try_again(&mut self, operation: Retry) {
        self.operations.refused.push(operation);
        self.operations.retry_at.get_or_insert(self.now + RETRY);
    }

    /// Ends a session whose connection ended.
    pub(super) fn leave_session(&mut self, session: SessionKey, epoch: u64) {
        let now = self.unix_now();
        self.ask(Operation::LeaveSession { session, epoch, now }, None, Pending::Leave { session, epoch });
        if self.operations.inside.is_none() {
            let at = self.now + self.config.session_lifetime + Duration::from_millis(1);
            self.operations.expire_again = self.operations.expire_at.is_some();
            self.operations.expire_at.get_or_insert(at);
        }
    }

    /// Returns when sessions are to be removed that can't be taken any more, if the store is inside.
    pub(super) fn session_deadline(&self) -> Option<Time> {
        let until = self.operations.inside.as_ref()?.next_session_end()?;
        // A moment later than the last one at which it can be taken.
        Some(self.time_of_day.when(until.saturating_add(1)))
    }

    /// Does what has to be done about operations by now.
    pub(super) fn check_operations(&mut self) {
        let now = self.now;
        while let Some((_, id)) = self.operations.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.operations.deadlines.pop_first();
            let Some(waiting) = self.operations.waiting.get_mut(&id) else { continue };
            let Some(asker) = waiting.asker else { continue };
            waiting.is_told = true;
            let (kind, is_sign_in) = (waiting.pending.kind(), waiting.pending.is_sign_in());
            self.answer(asker.id, asker.number, kind, outcome_unknown());
            if let Some(connection) = self.connections.get_mut(&asker.id) {
                connection.is_signing_in &= !is_sign_in;
            }
        }
        if self.operations.retry_at.take_if(|at| *at <= now).is_some() {
            for operation in core::mem::take(&mut self.operations.refused) {
                self.retry(operation);
            }
        }
        let is_due = self.operations.expire_at.take_if(|at| *at <= now).is_some();
        if is_due || self.session_deadline().is_some_and(|at| at <= now) {
            let unix = self.unix_now();
            self.ask(Operation::Expire { now: unix }, None, Pending::Expire);
            if core::mem::take(&mut self.operations.expire_again) {
                self.operations.expire_at = Some(now + self.config.session_lifetime);
            }
        }
    }

    fn retry(&mut self, operation: Retry) {
        match operation {
            Retry::Leave { session, epoch } => self.leave_session(session, epoch),
            Retry::ReadLog { id } => {
                if let Some(cursor) = self.connections.get_mut(&id).and_then(|it| it.cursor.as_mut()) {
                    cursor.read_failed();
                }
                self.pump(id);
            }
            Retry::ReadEntry { account, after } => self.read_entry(account, after),
        }
    }

    /// Reads the entry after a position, for connections without a cursor.
    pub(super) fn read_entry(&mut self, account: AccountId, after: u64) {
        let read = Operation::ReadLog { account, after, max_entries: 1, max_bytes: 0 };
        self.ask(read, None, Pending::ReadEntry { account, after });
    }
}

/// Refuses a request of which nobody knows what came of it.
fn outcome_unknown<T>() -> Result<T, Refused> {
    refused(504, "the store does not answer: this may have been done, or may still be")
}

/// Refuses a request that the store has refused.
pub(super) fn not_stored<T>(error: StoreError) -> Result<T, Refused> {
    match error {
        StoreError::Full => out_of_memory(),
        StoreError::Busy | StoreError::Unavailable => {
            refused(503, alloc::string::ToString::to_string(&error))
        }
    }
}

/// Refuses a request since the store has given an outcome of another operation, which is its mistake.
pub(super) fn wrong_outcome<T>() -> Result<T, Refused> {
    refused(500, "the store has made a mistake")
}
