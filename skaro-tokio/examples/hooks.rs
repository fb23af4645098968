//! A server that decides: who may sign in, what may be said, what a request of its own answers, and whose telephone is woken.

use std::error::Error;
use std::io::{self, Write};
use std::net::TcpListener;

use skaro_tokio::proto::server::store::{MemoryStore, Store};
use skaro_tokio::proto::server::{self, ServerConfig};
use skaro_tokio::{Client, Server, ServerOptions, random_seed, store_in_thread};
use skaro_tokio::{Fields, Hooks, Refusal, Reply, SentMessage, with_hooks};

struct House;

impl Hooks for House {
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
        // A reply can also be kept, and given later from any thread or task.
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

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut config = ServerConfig::default();
    config.forwards_requests = true;
    let mut store = MemoryStore::new(config.store_limits());
    let mut machine = server::Server::with_store(config, random_seed()?);
    for login in ["alice", "bob", "mallory"] {
        store.execute(machine.account(login, "secret")?)?;
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = Server::listen_with_store(listener, machine, ServerOptions::default(), |completions| {
        with_hooks(House, completions, |completions| store_in_thread(store, completions))
    })?;

    let (alice, _) = Client::connect(server.url()).await?;
    let refused = alice.authorize("mallory", "secret").await;
    writeln!(io::stdout(), "mallory: {}", refused.err().ok_or("mallory is in")?)?;
    alice.authorize("alice", "secret").await?;
    let refused = alice.send_message("bob", "come to our casino").await;
    writeln!(io::stdout(), "a casino: {}", refused.err().ok_or("it was sent")?)?;
    alice.send_message("bob", "hello").await?;
    server.shut_down("the example is over").await;
    Ok(())
}
