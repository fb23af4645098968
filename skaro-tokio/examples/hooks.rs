//! A server with hooks: they check passwords, decide about sign-ins and messages, answer requests of the application's
//! own, and learn of missed messages.
//!
//! ```console
//! $ cargo run --example hooks             # all is kept in memory
//! $ cargo run --example hooks -- store    # in this file
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use skaro_sqlite::{Report, SqliteStore, Worker, WorkerConfig};
use skaro_tokio::proto::auth::Verifier;
use skaro_tokio::proto::server::store::{MemoryStore, StoreLimits};
use skaro_tokio::proto::server::{self, ServerConfig};
use skaro_tokio::{
    Client, Completions, Server, ServerOptions, Submit, random_seed, store_in_thread, unix_millis,
};
use skaro_tokio::{Fields, Hooks, Refusal, Reply, SentMessage, VerifierReply, with_hooks};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The hooks. They are created before the server, so they can't have it: a task that has the server does what takes
/// long.
struct House {
    passwords: UnboundedSender<VerifierReply>,
}

impl Hooks for House {
    fn find_password(&mut self, _: &str, reply: VerifierReply) {
        // If the task has ended, the reply is dropped, which refuses the sign-in.
        _ = self.passwords.send(reply);
    }

    fn sign_in(&mut self, login: &str) -> Result<(), Refusal<'static>> {
        if login == "mallory" { Err(Refusal::new(None, "you know why")) } else { Ok(()) }
    }

    fn message(&mut self, message: &SentMessage) -> Result<(), Refusal<'static>> {
        let is_spam = message.body.contains("casino");
        if is_spam { Err(Refusal::new(None, "no advertisements")) } else { Ok(()) }
    }

    fn request(&mut self, login: Option<&str>, kind: &str, _: &Fields<'static>, reply: Reply) {
        let mut fields = Fields::new();
        fields.push("login", login.unwrap_or("nobody"));
        // A reply can also be kept, and used later from any thread or task.
        if kind == "whoami" { reply.answer(fields) } else { reply.unknown() }
    }

    fn missed(&mut self, message: &SentMessage) {
        _ = writeln!(
            io::stdout(),
            "wake the telephone of {}: a message from {}",
            &*message.to,
            &*message.from
        );
    }
}

/// Finds passwords, several at the same time.
async fn find_passwords(server: Arc<Server>, mut wanted: UnboundedReceiver<VerifierReply>) {
    while let Some(reply) = wanted.recv().await {
        tokio::spawn(find_password(server.clone(), reply));
    }
}

async fn find_password(server: Arc<Server>, reply: VerifierReply) {
    let found = look_up(reply.login()).await;
    if found.is_some() {
        add(&server, reply.login()).await;
    }
    // After the reply, the client may go on at once and this program may end.
    drop(server);
    match found {
        Some(password) => reply.verifier(Verifier::new(&password)),
        // Then the password in the store counts.
        None => reply.stored(),
    }
}

/// Adds an account, which must exist before the proof is checked. The store never learns the password.
async fn add(server: &Server, login: &str) {
    let Ok(seed) = random_seed() else { return };
    let nobody_knows = format!("{seed:x?}");
    if let Ok(account) = server.with(|machine, _| machine.account(login, &nobody_knows)) {
        // An existing account stays as it is. If this fails, there is no account and nobody gets in.
        _ = server.operate(account).await;
    }
}

/// A remote service that knows passwords.
async fn look_up(login: &str) -> Option<String> {
    tokio::time::sleep(Duration::from_millis(10)).await;
    matches!(login, "alice" | "bob" | "mallory").then(|| "secret".to_owned())
}

/// Starts the store: the file given as an argument, or memory.
fn start(limits: StoreLimits, completions: Completions) -> io::Result<Submit> {
    let Some(path) = std::env::args().nth(1) else {
        return store_in_thread(MemoryStore::new(limits), completions);
    };
    let store = SqliteStore::open(path, limits, unix_millis()).map_err(io::Error::other)?;
    let report = move |report| match report {
        Report::Completed(all) => completions.complete_all(all),
        Report::Failed(fatal) => completions.fail(fatal),
        _ => (),
    };
    let worker = Worker::start(store, WorkerConfig::default(), report).map_err(io::Error::other)?;
    Ok(Box::new(move |id, operation| worker.submit(id, operation)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut config = ServerConfig::default();
    config.forwards_requests = true;
    let limits = config.store_limits();
    let machine = server::Server::with_store(config, random_seed()?);
    let (passwords, wanted) = unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = Server::listen_with_store(listener, machine, ServerOptions::default(), |completions| {
        with_hooks(House { passwords }, completions, |completions| start(limits, completions))
    })?;
    let server = Arc::new(server);
    let finding = tokio::spawn(find_passwords(server.clone(), wanted));

    let (alice, _) = Client::connect(server.url()).await?;
    let refused = alice.authorize("mallory", "secret").await;
    writeln!(io::stdout(), "mallory: {}", refused.err().ok_or("mallory is in")?)?;
    alice.authorize("alice", "secret").await?;
    // So that bob has an account, too.
    let (bob, _) = Client::connect(server.url()).await?;
    bob.authorize("bob", "secret").await?;
    bob.close().await;
    let refused = alice.send_message("bob", "come to our casino").await;
    writeln!(io::stdout(), "a casino: {}", refused.err().ok_or("it was sent")?)?;
    alice.send_message("bob", "hello").await?;
    finding.abort();
    _ = finding.await;
    let server = Arc::into_inner(server).ok_or("somebody has the server")?;
    server.shut_down("the example is over").await;
    Ok(())
}
