//! Hooks: an application's decisions, made between a server and its store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fmt, io};

use skaro_proto::auth::Verifier;
use skaro_proto::message::{Notice, Refusal, ServerMessage, StatusCode};
use skaro_proto::server::OperationId;
use skaro_proto::server::store::{Login, Operation, Outcome, StoreError};
use skaro_proto::{Fields, Format};

use super::lock::lock;
use super::passing::{Job, Kept, Passing, SentMessage};
use super::served::Completions;
use super::store::Submit;

/// Time-out of a [`VerifierReply`]. After it the client is told to try the sign-in again.
const PASSWORD: Duration = Duration::from_secs(8);

/// Time-out of a [`Reply`]. The machine answers the client before that: the outcome is unknown.
const ANSWER: Duration = Duration::from_secs(12);

/// Decisions about what users do. Each method has a default that changes nothing.
///
/// A thread of their own calls the hooks, one at a time, in the order in which things happen. Everything that needs the
/// server's store waits meanwhile, so return quickly. A decision that takes long can be given later, from any thread or
/// task, by a [`VerifierReply`] or a [`Reply`]: send it to a task through a channel. Create the channel first, then the
/// hooks, then the server. The task can also have the server, which the hooks can't, since they are created before it.
/// The example `hooks` of `skaro-tokio` does that.
///
/// | what | limit |
/// |---|---|
/// | a [`VerifierReply`] | 8 seconds: then the sign-in is refused (503), and its place is free |
/// | a [`Reply`] | after 10 seconds the client is told that the outcome is unknown (504); after 12 its place is free |
/// | sign-ins under way | 1024 |
/// | requests under way, of one user | 256 |
/// | bytes of an answer | [`max_answer_bytes`](skaro_proto::server::ServerConfig::max_answer_bytes), else 500 |
///
/// A reply that comes later has no effect (see [`is_awaited`](Reply::is_awaited)). A reply that is dropped refuses with
/// 503, which tells clients to try again later. A message that is refused with 503 or 504 is sent again with the same
/// key. A [refusal](Refusal) without a status, or with a status outside of 400 to 599, becomes 403.
///
/// When the server [shuts down](super::Server::shut_down), it does not wait for replies once all connections are
/// closed: they change nothing that lasts.
///
/// Operations that the application asks for by [`operate`](super::Server::operate) bypass the hooks.
///
/// A panic ends the server, as a [failure](super::Server::store_failed) of its store does: operations that were not
/// answered may have been carried out.
pub trait Hooks: Send + 'static {
    /// Finds the password of a user who wants to sign in. By default that is the one in the store.
    ///
    /// To keep passwords elsewhere, reply with another [verifier](VerifierReply::verifier). The account must still be
    /// in the store before the proof is checked: if it is missing, [add](super::Server::operate) it before the reply,
    /// with a password that nobody knows. Anybody can try any login, so add only those for which a password is kept
    /// elsewhere.
    fn find_password(&mut self, login: &str, reply: VerifierReply) {
        _ = login;
        reply.stored();
    }

    /// Decides whether a user who has proved the password may sign in. It is not called for sessions that are restored.
    ///
    /// # Errors
    /// To refuse the sign-in.
    fn sign_in(&mut self, login: &str) -> Result<(), Refusal<'static>> {
        _ = login;
        Ok(())
    }

    /// Decides whether a message may be sent. A repetition of an accepted message is never refused, whatever this
    /// returns.
    ///
    /// # Errors
    /// To refuse the message.
    fn message(&mut self, message: &SentMessage) -> Result<(), Refusal<'static>> {
        _ = message;
        Ok(())
    }

    /// Answers a request whose type the protocol does not define. By default no such request is known (501).
    ///
    /// The login is `None` if the client has not signed in. This is called only if
    /// [`forwards_requests`](skaro_proto::server::ServerConfig::forwards_requests) is set.
    fn request(&mut self, login: Option<&str>, kind: &str, fields: &Fields<'static>, reply: Reply) {
        _ = (login, kind, fields);
        reply.unknown();
    }

    /// Learns of a message to a user who is not connected, for example to send a push notification.
    ///
    /// It is called once for each message, after the message is durable; the call is lost if the process ends in
    /// between. It is not called for messages to conferences, nor while any device of the user is connected. A dead
    /// connection counts as connected until it is noticed, for
    /// [`keep_alive`](skaro_proto::server::ServerConfig::keep_alive) at most.
    fn missed(&mut self, message: &SentMessage) {
        _ = message;
    }
}

/// The store behind the hooks, for replies; `None` once it is closed.
type Behind = Arc<Mutex<Option<Submit>>>;

/// The answer to a request, now or later. If it is dropped unused, the client is told to try again later (503).
#[must_use = "a request that gets no reply is refused"]
pub struct Reply {
    open: Open,
    /// The most bytes that the answer has besides its fields.
    other_bytes: usize,
}

/// The password of a login, now or later. If it is dropped unused, the client is told to try again later (503).
#[must_use = "a sign-in that gets no reply is refused"]
pub struct VerifierReply {
    open: Open,
    login: Login,
    store: Behind,
}

/// An operation without an answer yet.
struct Open {
    id: OperationId,
    completions: Completions,
    passing: Arc<Passing>,
}

impl Open {
    fn complete(&self, outcome: Outcome) {
        if self.passing.end_wait(self.id) {
            self.completions.complete(self.id, Ok(outcome));
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.complete(no_reply());
    }
}

/// Returns the outcome of an operation whose reply never comes.
fn no_reply() -> Outcome {
    refusal(503, "there was no reply: try again later".into())
}

fn refusal(status: u16, info: String) -> Outcome {
    Outcome::Refused(Refusal::new(Some(StatusCode::new(status)), info))
}

impl Reply {
    /// Answers with these fields, without those that every answer has (`type`, `for`, `id`, `status`).
    ///
    /// An answer above the server's limit might be more than the client can receive, so it is replaced by a refusal
    /// (500).
    pub fn answer(self, fields: Fields<'static>) {
        let limit = self.open.completions.max_answer_bytes().unwrap_or(usize::MAX);
        let mut notice = Notice::new("");
        notice.extra = fields.clone();
        let message = ServerMessage::Info(notice);
        let longest =
            [Format::Json, Format::Cbor].map(|format| message.encode(format).len()).into_iter().max();
        let is_too_long = longest.is_some_and(|length| length.saturating_add(self.other_bytes) > limit);
        self.open.complete(if is_too_long {
            refusal(500, format!("the answer is over the limit of {limit} bytes"))
        } else {
            Outcome::Answer(fields)
        });
    }

    /// Refuses the request.
    pub fn refuse(self, refusal: Refusal<'static>) {
        self.open.complete(Outcome::Refused(refusal));
    }

    /// Answers that this request is not known (501).
    pub fn unknown(self) {
        self.open.complete(Outcome::NoSuchRequest);
    }

    /// Returns whether the reply would still have an effect: it has not timed out.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.open.passing.is_awaited(self.open.id)
    }
}

impl VerifierReply {
    /// Uses the password in the store.
    pub fn stored(self) {
        self.find(None);
    }

    /// Uses this verifier instead of the stored password.
    pub fn verifier(self, verifier: Verifier) {
        self.find(Some(verifier));
    }

    /// Refuses the sign-in, whether or not the password is right: a client learns of it without knowing the password.
    pub fn refuse(self, refusal: Refusal<'static>) {
        self.open.complete(Outcome::Refused(refusal));
    }

    /// Returns the login.
    #[must_use]
    pub fn login(&self) -> &str {
        &self.login
    }

    /// Returns whether the reply would still have an effect: it has not timed out.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.open.passing.is_awaited(self.open.id)
    }

    fn find(self, verifier: Option<Verifier>) {
        let Open { id, completions, passing } = &self.open;
        if !passing.end_wait(*id) {
            return;
        }
        if let Some(verifier) = verifier {
            passing.keep(*id, Kept::Verifier(verifier));
        }
        pass(&self.store, completions, *id, Operation::FindAccount { login: self.login.clone() });
    }
}

/// Gives an operation to the store.
fn pass(store: &Behind, completions: &Completions, id: OperationId, operation: Operation) {
    if let Err(error) = submit(store, id, operation) {
        completions.complete(id, Err(error));
    }
}

fn submit(store: &Behind, id: OperationId, operation: Operation) -> Result<(), StoreError> {
    match &*lock(store) {
        Some(submit) => submit(id, operation),
        None => Err(StoreError::Unavailable),
    }
}

/// Puts hooks between a server and its store. Call this in the function that starts the store for
/// [`listen_with_store`](super::Server::listen_with_store).
///
/// # Errors
/// If the store can't be started, or the system has no thread left.
pub fn with_hooks(
    hooks: impl Hooks,
    completions: Completions,
    start: impl FnOnce(Completions) -> io::Result<Submit>,
) -> io::Result<Submit> {
    let (jobs, todo) = channel();
    let passing = Arc::new(Passing::new(jobs.clone()));
    // Also for operations that the hooks answer in the store's place, so that none stays in `kept`.
    let completions = completions.through(passing.clone());
    let store = start(completions.clone())?;
    let behind = Arc::new(Mutex::new(Some(store)));
    let mut desk = Desk { hooks, completions, passing: passing.clone(), store: behind.clone() };
    let thread = thread::Builder::new().name("skaro-hooks".into()).spawn(move || desk.run(&todo))?;
    let closing = Closing { jobs, thread: Some(thread) };
    Ok(Box::new(move |id, operation| {
        if passing.take_own(id) {
            // At once: a hook may wait for it.
            return submit(&behind, id, operation);
        }
        closing.jobs.send(Job::Operation(id, operation)).map_err(|_| StoreError::Unavailable)
    }))
}

/// Ends the thread when the server is done with its store.
struct Closing {
    jobs: Sender<Job>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        _ = self.jobs.send(Job::End);
        // A hook that drops the last handle of the server can't wait for itself.
        if let Some(thread) = self.thread.take().filter(|it| it.thread().id() != thread::current().id()) {
            _ = thread.join();
        }
    }
}

/// The thread that calls the hooks.
struct Desk<H> {
    hooks: H,
    completions: Completions,
    passing: Arc<Passing>,
    store: Behind,
}

impl<H: Hooks> Desk<H> {
    fn run(&mut self, todo: &Receiver<Job>) {
        let work = AssertUnwindSafe(|| {
            while let Some(job) = self.next(todo) {
                match job {
                    Job::Operation(id, operation) => self.decide(id, operation),
                    Job::Missed(message) => self.hooks.missed(&message),
                    Job::End => break,
                }
            }
            // Dropping the store carries out its remaining operations, whose messages may be missed, too.
            let store = lock(&self.store).take();
            drop(store);
            for job in todo.try_iter() {
                if let Job::Missed(message) = job {
                    self.hooks.missed(&message);
                }
            }
        });
        if catch_unwind(work).is_err() {
            self.completions.fail(HookPanicked);
        }
        self.passing.end_all();
    }

    /// Waits for the next job, and meanwhile refuses operations that got no reply in time.
    fn next(&self, todo: &Receiver<Job>) -> Option<Job> {
        loop {
            let now = Instant::now();
            for id in self.passing.overdue(now) {
                self.reply(id).complete(no_reply());
            }
            let Some(deadline) = self.passing.deadline() else { return todo.recv().ok() };
            match todo.recv_timeout(deadline.saturating_duration_since(now)) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Timeout) => (),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn reply(&self, id: OperationId) -> Open {
        Open { id, completions: self.completions.clone(), passing: self.passing.clone() }
    }

    fn await_reply(&self, id: OperationId, time: Duration) -> Open {
        self.passing.wait(id, Instant::now() + time);
        self.reply(id)
    }

    fn decide(&mut self, id: OperationId, operation: Operation) {
        match operation {
            Operation::FindAccount { login } => {
                let open = self.await_reply(id, PASSWORD);
                let reply = VerifierReply { open, login: login.clone(), store: self.store.clone() };
                self.hooks.find_password(&login, reply);
            }
            Operation::Request { login, kind, fields } => {
                let reply = Reply { open: self.await_reply(id, ANSWER), other_bytes: 256 + 6 * kind.len() };
                self.hooks.request(login.as_deref(), &kind, &fields, reply);
            }
            Operation::BeginSession { ref login, .. } => match self.hooks.sign_in(login) {
                Ok(()) => self.pass(id, operation, None),
                Err(refusal) => self.completions.complete(id, Ok(Outcome::Refused(refusal))),
            },
            Operation::Append { from, sender, to, body, key, contacts_only, now } => {
                let message = SentMessage { from: sender.clone(), to: to.clone(), body: body.clone() };
                match (self.hooks.message(&message), key) {
                    (Ok(()), key) => {
                        let append = Operation::Append { from, sender, to, body, key, contacts_only, now };
                        self.pass(id, append, Some(Kept::Message(message)));
                    }
                    (Err(refusal), Some(key)) => {
                        let find = Operation::FindKey { from, to, body, key };
                        self.pass(id, find, Some(Kept::Refusal(refusal)));
                    }
                    (Err(refusal), None) => self.completions.complete(id, Ok(Outcome::Refused(refusal))),
                }
            }
            operation => self.pass(id, operation, None),
        }
        if self.passing.is_awaited(id) {
            self.completions.notice();
        }
    }

    fn pass(&self, id: OperationId, operation: Operation, kept: Option<Kept>) {
        if let Some(kept) = kept {
            self.passing.keep(id, kept);
        }
        pass(&self.store, &self.completions, id, operation);
    }
}

/// The failure that ends a server when a hook has panicked.
#[derive(Debug, thiserror::Error)]
#[error("a hook of the application has panicked")]
struct HookPanicked;

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

impl fmt::Debug for VerifierReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierReply").field("login", &self.login).finish_non_exhaustive()
    }
}
