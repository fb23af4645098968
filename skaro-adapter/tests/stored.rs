//! A server whose store is elsewhere, and as slow as the test wants.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../examples/smol.rs"]
#[allow(dead_code, reason = "its main function")]
mod over_smol;

use std::io;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use over_smol::Smol;
use skaro_adapter::asynchronous::{Client, Completions, Events, OperateError, Server, ServerOptions};
use skaro_adapter::prelude::{Event, Options, random_seed};
use skaro_proto::server::store::{
    AccountId, Content, KeptSessions, MemoryStore, Operation, Outcome, Store, StoreError,
};
use skaro_proto::server::{OperationId, Server as Machine, ServerConfig};

/// The test's end of a store.
struct Slow {
    server: Server<Smol>,
    store: JoinHandle<MemoryStore>,
    /// Tells that the store has begun with a message.
    begun: Receiver<()>,
    /// Lets it end that: well, or with a failure.
    end: SyncSender<io::Result<()>>,
}

impl Slow {
    fn start() -> Slow {
        let config = ServerConfig::default();
        let mut store = MemoryStore::new(config.store_limits());
        let mut machine = Machine::with_store(config, random_seed().unwrap());
        for login in ["alice", "bob"] {
            store.execute(machine.account(login, "secret").unwrap()).unwrap();
        }
        let (submit, submitted) = channel();
        let (begin, begun) = channel();
        let (end, ends) = sync_channel(0);
        let mut thread = None;
        let start = |completions| {
            thread = Some(thread::spawn(move || work(store, &submitted, &completions, &begin, &ends)));
            let submit =
                move |id, operation| submit.send((id, operation)).map_err(|_| StoreError::Unavailable);
            Ok(Box::new(submit) as _)
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server::listen_with_store(listener, machine, ServerOptions::default(), start).unwrap();
        Slow { server, store: thread.unwrap(), begun, end }
    }

    async fn client(&self, login: &str) -> (Client<Smol>, Events) {
        let mut options = Options::new(self.server.url());
        options.config.reconnect = None;
        let (client, events) = Client::connect(options).await.unwrap();
        client.authorize(login, "secret").await.unwrap();
        (client, events)
    }
}

/// Carries out operations until the server wants no more; each message takes as long as the test wants.
fn work(
    mut store: MemoryStore,
    submitted: &Receiver<(OperationId, Operation)>,
    completions: &Completions,
    begin: &Sender<()>,
    ends: &Receiver<io::Result<()>>,
) -> MemoryStore {
    for (id, operation) in submitted {
        if matches!(operation, Operation::Append { .. }) {
            begin.send(()).unwrap();
            if let Err(failure) = ends.recv().unwrap() {
                completions.fail(failure);
                break;
            }
        }
        completions.complete(id, store.execute(operation));
    }
    store
}

/// Returns the texts in bob's log.
fn log(mut store: MemoryStore) -> Vec<String> {
    let (account, max_entries, max_bytes) = (AccountId(1), usize::MAX, usize::MAX);
    let read = Operation::ReadLog { account, after: 0, max_entries, max_bytes };
    let Ok(Outcome::Entries(entries)) = store.execute(read) else { panic!("no entries") };
    entries
        .iter()
        .map(|entry| match &entry.content {
            Content::Message(message) => message.body.to_string(),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// Waits until the connection has ended.
async fn ended(mut events: Events) {
    while let Some(event) = events.next().await {
        if matches!(event, Event::Disconnected(_)) {
            return;
        }
    }
}

#[test]
fn an_answer_waits_for_the_store_and_nobody_else_does() {
    smol::block_on(async {
        let slow = Slow::start();
        let (alice, _events) = slow.client("alice").await;
        let (bob, mut events) = slow.client("bob").await;
        let sending = smol::spawn(async move { alice.send_message("bob", "hello").await });
        slow.begun.recv().unwrap();
        bob.register_type().await.unwrap();
        assert!(!sending.is_finished());
        slow.end.send(Ok(())).unwrap();
        sending.await.unwrap();
        loop {
            if let Event::Message(incoming) = events.next().await.unwrap() {
                break assert_eq!(incoming.message.body, "hello");
            }
        }
        assert!(slow.server.shut_down("that was it").await.is_none());
        assert_eq!(log(slow.store.join().unwrap()), ["hello"]);
    });
}

#[test]
fn what_was_asked_for_is_done_before_the_store_is_closed() {
    smol::block_on(async {
        let slow = Slow::start();
        let (alice, events) = slow.client("alice").await;
        let sending = smol::spawn(async move { alice.send_message("bob", "hello").await });
        slow.begun.recv().unwrap();
        let server = slow.server;
        let shutting_down = smol::spawn(async move { server.shut_down("that was it").await });
        ended(events).await;
        sending.await.unwrap_err();
        assert!(!shutting_down.is_finished());
        slow.end.send(Ok(())).unwrap();
        shutting_down.await;
        assert_eq!(log(slow.store.join().unwrap()), ["hello"]);
    });
}

/// Without a connection there is nothing else to wait for.
#[test]
fn nobody_listens_after_the_end() {
    smol::block_on(async {
        let slow = Slow::start();
        let address = slow.server.local_addr();
        assert!(slow.server.shut_down("that was it").await.is_none());
        let error = std::net::TcpStream::connect(address).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_failure_of_the_store_ends_the_server() {
    smol::block_on(async {
        let slow = Slow::start();
        let (alice, events) = slow.client("alice").await;
        let sending = smol::spawn(async move { alice.send_message("bob", "hello").await });
        slow.begun.recv().unwrap();
        slow.end.send(Err(io::Error::other("the disk is gone"))).unwrap();
        assert_eq!(slow.server.store_failed().await.to_string(), "the disk is gone");
        ended(events).await;
        sending.await.unwrap_err();
        // It waits for no operations, since nobody will complete them.
        assert!(slow.server.shut_down("that was it").await.is_some());
        assert_eq!(log(slow.store.join().unwrap()), [""; 0]);
    });
}

#[test]
fn operations_of_whoever_runs_the_server_are_waited_for() {
    smol::block_on(async {
        let slow = Slow::start();
        let (_alice, events) = slow.client("alice").await;
        let find = |login: &str| Operation::FindAccount { login: login.into() };
        // Side by side: each gets its own outcome.
        let (alice, nobody) = (slow.server.operate(find("alice")), slow.server.operate(find("nobody")));
        assert!(matches!(nobody.await, Ok(Outcome::Account(None))));
        assert!(matches!(alice.await, Ok(Outcome::Account(Some(_)))));
        // Given up after it was asked for, it is carried out all the same.
        let end =
            slow.server.operate(Operation::EndSessions { login: "alice".into(), keeps: KeptSessions::None });
        _ = futures_util::FutureExt::now_or_never(end);
        ended(events).await;
        // What the store was doing when it failed is unknown.
        let (from, to, body) = (AccountId(0), "bob".into(), "hello".into());
        let append = slow.server.operate(Operation::Append {
            from,
            sender: "alice".into(),
            to,
            body,
            key: None,
            contacts_only: false,
            now: 1,
        });
        let mut append = Box::pin(append);
        assert!(futures_util::FutureExt::now_or_never(&mut append).is_none());
        slow.begun.recv().unwrap();
        slow.end.send(Err(io::Error::other("the disk is gone"))).unwrap();
        assert!(matches!(append.await, Err(OperateError::Unknown)));
        assert!(slow.server.operate(find("alice")).await.is_err());
        assert!(slow.server.shut_down("that was it").await.is_some());
    });
}

#[test]
fn a_store_inside_answers_at_once() {
    smol::block_on(async {
        let machine = Machine::new(ServerConfig::default(), random_seed().unwrap());
        let server = Server::<Smol>::bind("127.0.0.1:0", machine).await.unwrap();
        let add = server.with(|machine, _| machine.account("alice", "secret")).unwrap();
        assert!(matches!(server.operate(add.clone()).await, Ok(Outcome::Added(_))));
        assert!(matches!(server.operate(add).await, Ok(Outcome::Exists)));
    });
}
