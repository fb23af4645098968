//! Decisions of an application: it stands between a server and its store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::{fmt, io};

use skaro_proto::Fields;
use skaro_proto::auth::Verifier;
use skaro_proto::message::Refusal;
use skaro_proto::server::OperationId;
use skaro_proto::server::store::{Login, Operation, Outcome, StoreError};

use super::lock::lock;
use super::passing::{Job, Kept, Passing, SentMessage};
use super::served::Completions;
use super::store::Submit;

/// Decisions about what users do. Each method has a default that changes nothing.
///
/// They are called by a thread of their own, one at a time, in the order in which things happen, and a server waits for them
/// with everything that needs its store: be brief. A lookup or an answer that takes long is given later, from any thread, by its
/// reply; after 10 seconds the client is told that nobody knows (504), but its place is taken until the reply is given or dropped.
/// A panic ends the server, as a [failure](super::Server::store_failed) of its store does.
///
/// A [refusal](Refusal) without a status is 403 for the client.
pub trait Hooks: Send + 'static {
    /// Finds the password of a user who wants to sign in. By default that is the one in the store.
    ///
    /// With another [verifier](VerifierReply::verifier) passwords are kept elsewhere. The account has to be in the store all
    /// the same: [add](super::Server::operate) it before the reply, if it is missing.
    fn find_password(&mut self, login: &str, reply: VerifierReply) {
        _ = login;
        reply.stored();
    }

    /// Decides whether a user who has proved the password may sign in. Sessions that are restored are not asked about.
    ///
    /// # Errors
    /// To refuse it.
    fn sign_in(&mut self, login: &str) -> Result<(), Refusal<'static>> {
        _ = login;
        Ok(())
    }

    /// Decides whether a message may be sent. A repetition of one that was sent is not refused, whatever this returns.
    ///
    /// # Errors
    /// To refuse it.
    fn message(&mut self, message: &SentMessage) -> Result<(), Refusal<'static>> {
        _ = message;
        Ok(())
    }

    /// Answers a request of a type that the protocol does not list, of a user or of somebody who has not signed in. It is asked
    /// only if [`forwards_requests`](skaro_proto::server::ServerConfig::forwards_requests) is set. By default no such request is known: 501.
    fn request(&mut self, login: Option<&str>, kind: &str, fields: &Fields<'static>, reply: Reply) {
        _ = (login, kind, fields);
        reply.unknown();
    }

    /// Takes note that a user who is not connected has got a message: so a telephone can be woken.
    fn missed(&mut self, message: &SentMessage) {
        _ = message;
    }
}

/// The store behind the hooks, for replies; `None` once it is closed.
type Behind = Arc<Mutex<Option<Submit>>>;

/// The answer to a request, now or later. If it is dropped without one, the client is told to try again later (503).
#[must_use = "a request that gets no reply is refused"]
pub struct Reply(Open);

/// The password of a login, now or later. If it is dropped without one, the client is told to try again later (503).
#[must_use = "a sign-in that gets no reply is refused"]
pub struct VerifierReply {
    open: Open,
    login: Login,
    passing: Arc<Passing>,
    store: Behind,
}

/// An operation that was not answered yet.
struct Open {
    id: OperationId,
    completions: Completions,
    is_answered: bool,
}

impl Open {
    fn complete(mut self, outcome: Outcome) {
        self.is_answered = true;
        self.completions.complete(self.id, Ok(outcome));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.is_answered {
            self.completions.complete(self.id, Err(StoreError::Unavailable));
        }
    }
}

impl Reply {
    /// Answers with these fields. Fields that every answer has (`type`, `for`, `id`, `status`) are left out.
    pub fn answer(self, fields: Fields<'static>) {
        self.0.complete(Outcome::Answer(fields));
    }

    /// Refuses it.
    pub fn refuse(self, refusal: Refusal<'static>) {
        self.0.complete(Outcome::Refused(refusal));
    }

    /// Tells that there is no such request.
    pub fn unknown(self) {
        self.0.complete(Outcome::NoSuchRequest);
    }
}

impl VerifierReply {
    /// Checks the password in the store.
    pub fn stored(self) {
        self.find(None);
    }

    /// Checks this one in place of the stored password.
    pub fn verifier(self, verifier: Verifier) {
        self.find(Some(verifier));
    }

    /// Refuses the sign-in whatever the password is: the client learns that without it.
    pub fn refuse(self, refusal: Refusal<'static>) {
        self.open.complete(Outcome::Refused(refusal));
    }

    fn find(mut self, verifier: Option<Verifier>) {
        self.open.is_answered = true;
        if let Some(verifier) = verifier {
            self.passing.keep(self.open.id, Kept::Verifier(verifier));
        }
        pass(&self.store, &self.open.completions, self.open.id, Operation::FindAccount { login: self.login });
    }
}

/// Gives an operation to the store.
fn pass(store: &Behind, completions: &Completions, id: OperationId, operation: Operation) {
    let submitted = match &*lock(store) {
        Some(submit) => submit(id, operation),
        None => Err(StoreError::Unavailable),
    };
    if let Err(error) = submitted {
        completions.complete(id, Err(error));
    }
}

/// Lets an application decide about what users do, between a server and its store: call this where
/// [`listen_with_store`](super::Server::listen_with_store) starts the store.
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
    // Also for what is answered in the store's place: so nothing stays kept.
    let completions = completions.through(passing.clone());
    let store = start(completions.clone())?;
    let mut desk = Desk { hooks, completions, passing, store: Arc::new(Mutex::new(Some(store))) };
    let thread = thread::Builder::new().name("skaro-hooks".into()).spawn(move || desk.run(&todo))?;
    let closing = Closing { jobs, thread: Some(thread) };
    Ok(Box::new(move |id, operation| {
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
            for job in todo {
                match job {
                    Job::Operation(id, operation) => self.decide(id, operation),
                    Job::Missed(message) => self.hooks.missed(&message),
                    Job::End => break,
                }
            }
            // The store carries out what it was asked for, whose messages may be missed, too.
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
    }

    fn decide(&mut self, id: OperationId, operation: Operation) {
        let open = Open { id, completions: self.completions.clone(), is_answered: false };
        match operation {
            Operation::FindAccount { login } => {
                let (passing, store) = (self.passing.clone(), self.store.clone());
                let reply = VerifierReply { open, login: login.clone(), passing, store };
                self.hooks.find_password(&login, reply);
            }
            Operation::Request { login, kind, fields } => {
                self.hooks.request(login.as_deref(), &kind, &fields, Reply(open));
            }
            Operation::BeginSession { ref login, .. } => match self.hooks.sign_in(login) {
                Ok(()) => self.pass(open, operation, None),
                Err(refusal) => open.complete(Outcome::Refused(refusal)),
            },
            Operation::Append { from, sender, to, body, key, contacts_only, now } => {
                let message = SentMessage { from: sender.clone(), to: to.clone(), body: body.clone() };
                match (self.hooks.message(&message), key) {
                    (Ok(()), key) => {
                        let append = Operation::Append { from, sender, to, body, key, contacts_only, now };
                        self.pass(open, append, Some(Kept::Message(message)));
                    }
                    (Err(refusal), Some(key)) => {
                        let find = Operation::FindKey { from, to, body, key };
                        self.pass(open, find, Some(Kept::Refusal(refusal)));
                    }
                    (Err(refusal), None) => open.complete(Outcome::Refused(refusal)),
                }
            }
            operation => self.pass(open, operation, None),
        }
    }

    fn pass(&self, mut open: Open, operation: Operation, kept: Option<Kept>) {
        open.is_answered = true;
        if let Some(kept) = kept {
            self.passing.keep(open.id, kept);
        }
        pass(&self.store, &self.completions, open.id, operation);
    }
}

/// The reason for which a server with hooks can't go on.
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
