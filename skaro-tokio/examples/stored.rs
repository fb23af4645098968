//! A server, embedded in a program, that keeps its data in a file. Each run sends one more message, and counts them.
//!
//! ```console
//! $ cargo run --example stored -- store
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::net::TcpListener;

use skaro_sqlite::{Report, SqliteStore, Worker, WorkerConfig};
use skaro_tokio::proto::server;
use skaro_tokio::proto::server::store::Store;
use skaro_tokio::{Client, Server, ServerOptions, random_seed, unix_millis};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: stored FILE")?;
    let config = server::ServerConfig::default();
    let mut store = SqliteStore::open(path, config.store_limits(), unix_millis())?;
    let mut machine = server::Server::with_store(config, random_seed()?);
    for (login, password) in [("alice", "correct horse"), ("bob", "battery staple")] {
        // An existing account stays as it is.
        store.execute(machine.account(login, password)?)?;
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = Server::listen_with_store(listener, machine, ServerOptions::default(), |completions| {
        let report = move |report| match report {
            Report::Completed(all) => completions.complete_all(all),
            Report::Failed(fatal) => completions.fail(fatal),
            _ => (),
        };
        let worker = Worker::start(store, WorkerConfig::default(), report).map_err(io::Error::other)?;
        Ok(Box::new(move |id, operation| worker.submit(id, operation)))
    })?;

    let (alice, _) = Client::connect(server.url()).await?;
    alice.authorize("alice", "correct horse").await?;
    // When this returns, the message is on the disk.
    alice.send_message("bob", "hello").await?;
    let messages = alice.get_history("bob").await?.len();
    writeln!(io::stdout(), "{messages}")?;
    // A server that keeps running waits for a signal here, or for `store_failed`, after which what is on the disk is
    // unknown.
    match server.shut_down("the example is over").await {
        Some(failure) => Err(failure.to_string().into()),
        None => Ok(()),
    }
}
