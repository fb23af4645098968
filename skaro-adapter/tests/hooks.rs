//! Applications between a server and its store.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../examples/smol.rs"]
#[allow(dead_code, reason = "its main function")]
mod over_smol;

use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use over_smol::Smol;
use skaro_adapter::asynchronous::{
    Client, Hooks, Reply, SentMessage, Server, ServerOptions, VerifierReply, store_in_thread, with_hooks,
};
use skaro_adapter::prelude::*;
use skaro_proto::Time;
use skaro_proto::auth::Verifier;
use skaro_proto::server::store::{MemoryStore, Operation, Outcome, Store};
use skaro_proto::server::{Server as Machine, ServerConfig};

/// Decides by what it is told: so a test tells it by logins, texts and kinds.
struct House(Sender<SentMessage>, usize, Sender<Late>);

/// A reply that is not given for now.
enum Late {
    Reply(Reply),
    Verifier(VerifierReply),
}

impl Hooks for House {
    fn find_password(&mut self, login: &str, reply: VerifierReply) {
        match login {
            "elsewhere" => drop(thread::spawn(|| reply.verifier(Verifier::new("other")))),
            "silent" => drop(reply),
            "late" => self.2.send(Late::Verifier(reply)).unwrap(),
            "barred" => reply.refuse(Refusal::new(Some(StatusCode::new(429)), "wait")),
            _ => reply.stored(),
        }
    }

    fn sign_in(&mut self, login: &str) -> Result<(), Refusal<'static>> {
        if login == "mallory" { Err(Refusal::new(None, "not you")) } else { Ok(()) }
    }

    fn message(&mut self, message: &SentMessage) -> Result<(), Refusal<'static>> {
        self.1 += usize::from(&*message.body == "once");
        match &*message.body {
            "panic" => panic!("on purpose"),
            "once" if self.1 == 1 => Ok(()),
            "once" | "never" => Err(Refusal::new(Some(StatusCode::new(200)), "no")),
            _ => Ok(()),
        }
    }

    fn request(&mut self, login: Option<&str>, kind: &str, fields: &Fields<'static>, reply: Reply) {
        match kind {
            "whoami" => {
                let mut answer = Fields::new();
                answer.push("status", "500");
                answer.push("login", login.unwrap_or(""));
                answer.push(
                    "echo",
                    fields.get("said").and_then(|said| said.as_text().map(String::from)).unwrap_or_default(),
                );
                thread::spawn(|| reply.answer(answer));
            }
            "refused" => reply.refuse(Refusal::new(Some(StatusCode::new(418)), "a teapot")),
            "dropped" => drop(reply),
            "late" => self.2.send(Late::Reply(reply)).unwrap(),
            "long" => {
                let mut answer = Fields::new();
                // Longer only as JSON.
                answer.push("text", "\u{1}".repeat(300 << 10));
                reply.answer(answer);
            }
            _ => reply.unknown(),
        }
    }

    fn missed(&mut self, message: &SentMessage) {
        self.0.send(message.clone()).unwrap();
    }
}

fn serve() -> (Server<Smol>, Receiver<SentMessage>) {
    let (server, misses, _) = serve_late();
    (server, misses)
}

fn serve_late() -> (Server<Smol>, Receiver<SentMessage>, Receiver<Late>) {
    let mut config = ServerConfig::default();
    config.forwards_requests = true;
    let mut store = MemoryStore::new(config.store_limits());
    let mut machine = Machine::with_store(config, random_seed().unwrap());
    for login in ["alice", "bob", "mallory", "elsewhere", "silent", "barred", "late"] {
        store.execute(machine.account(login, "secret").unwrap()).unwrap();
    }
    let (missed, misses) = channel();
    let (late, replies) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::listen_with_store(listener, machine, ServerOptions::default(), |completions| {
        with_hooks(House(missed, 0, late), completions, |completions| store_in_thread(store, completions))
    });
    (server.unwrap(), misses, replies)
}

async fn client(server: &Server<Smol>) -> Client<Smol> {
    let mut options = Options::new(server.url());
    options.config.reconnect = None;
    Client::connect(options).await.unwrap().0
}

/// Returns the status of a refusal.
fn status<T: std::fmt::Debug>(result: Result<T, RequestError>) -> u16 {
    match result {
        Err(RequestError::Failure(Failure::Refused(refusal))) => {
            refusal.status.map_or(0, |status| status.code())
        }
        other => panic!("{other:?}"),
    }
}

struct Other(&'static str);

impl Command for Other {
    type Answer = Fields<'static>;

    fn give(self, client: &mut skaro_proto::client::Client, now: Time) -> Result<RequestId, CommandError> {
        let mut fields = Fields::new();
        fields.push("said", "hello");
        client.request_other(now, self.0, fields)
    }

    fn answer(answer: Answer<'static>) -> Option<Self::Answer> {
        if let Answer::Other(fields) = answer { Some(fields) } else { None }
    }
}

#[test]
fn passwords_may_be_elsewhere_and_sign_ins_refused() {
    smol::block_on(async {
        let (server, _misses) = serve();
        let client = client(&server).await;
        assert_eq!(status(client.authorize("mallory", "secret").await), 403);
        assert_eq!(
            status(client.authorize("mallory", "wrong").await),
            401,
            "nobody learns of it without the password"
        );
        let silent = client.authorize("silent", "secret").await;
        assert!(silent.as_ref().unwrap_err().to_string().contains("no reply"), "{silent:?}");
        assert_eq!(status(silent), 503);
        assert_eq!(status(client.authorize("barred", "wrong").await), 429);
        assert_eq!(status(client.authorize("elsewhere", "secret").await), 401);
        client.authorize("elsewhere", "other").await.unwrap();
        assert!(server.shut_down("that was it").await.is_none());
    });
}

#[test]
fn messages_may_be_refused_but_not_what_was_sent_before() {
    smol::block_on(async {
        let (server, misses) = serve();
        let (alice, bob) = (client(&server).await, client(&server).await);
        alice.authorize("alice", "secret").await.unwrap();
        // Without a log, and so without a key of the machine's.
        assert_eq!(status(alice.send_message("bob", "never").await), 403);
        let mut message = SendMessage::new("bob", "once");
        message.key = Some("key");
        let first = alice.request(message).await.unwrap();
        assert_eq!(alice.request(message).await.unwrap(), first, "a repetition");
        message.key = Some("other");
        assert_eq!(status(alice.request(message).await), 403);
        bob.authorize("bob", "secret").await.unwrap();
        alice.send_message("bob", "hello").await.unwrap();
        assert!(server.shut_down("that was it").await.is_none());
        // Only while he was away, and not the repetition.
        let missed: Vec<_> = misses.iter().map(|message| message.body).collect();
        assert_eq!(missed.iter().map(|body| &**body).collect::<Vec<_>>(), ["once"]);
    });
}

#[test]
fn requests_of_ones_own_are_answered() {
    smol::block_on(async {
        let (server, _misses) = serve();
        let client = client(&server).await;
        let login = |fields: &Fields<'_>| fields.get("login").unwrap().as_text().unwrap().to_owned();
        assert_eq!(login(&client.request(Other("whoami")).await.unwrap()), "");
        client.authorize("alice", "secret").await.unwrap();
        let answer = client.request(Other("whoami")).await.unwrap();
        assert_eq!((login(&answer).as_str(), answer.len()), ("alice", 2), "{answer:?}");
        assert_eq!(answer.get("echo").unwrap().as_text(), Some("hello"));
        let statuses = [("refused", 418), ("dropped", 503), ("unheard-of", 501), ("long", 500)];
        for (kind, expected) in statuses {
            assert_eq!(status(client.request(Other(kind)).await), expected, "{kind}");
        }
    });
}

#[test]
fn a_panic_ends_the_server_with_a_reason() {
    smol::block_on(async {
        let (server, _misses) = serve();
        let client = client(&server).await;
        client.authorize("alice", "secret").await.unwrap();
        client.send_message("bob", "panic").await.unwrap_err();
        assert!(server.store_failed().await.to_string().contains("panicked"));
        assert!(server.shut_down("that was it").await.is_some());
    });
}

/// Waits for a server's end, which must not take for ever.
async fn end(server: Server<Smol>) {
    let ended = async { assert!(server.shut_down("that was it").await.is_none()) };
    let hangs = async {
        smol::Timer::after(std::time::Duration::from_secs(60)).await;
        panic!("the server does not end");
    };
    smol::future::or(ended, hangs).await;
}

#[test]
fn the_end_waits_for_no_reply() {
    smol::block_on(async {
        let (server, _misses, replies) = serve_late();
        let client = client(&server).await;
        let asking = client.clone();
        let asked = smol::spawn(async move { asking.request(Other("late")).await });
        let Late::Reply(reply) = smol::unblock(move || replies.recv().unwrap()).await else { panic!() };
        assert!(reply.is_awaited());
        end(server).await;
        asked.await.unwrap_err();
        assert!(!reply.is_awaited());
        reply.unknown();
    });
}

#[test]
fn a_password_that_comes_too_late_frees_its_place() {
    smol::block_on(async {
        let (server, _misses, replies) = serve_late();
        let client = client(&server).await;
        let refused = client.authorize("late", "secret").await;
        assert!(refused.as_ref().unwrap_err().to_string().contains("no reply"), "{refused:?}");
        let Late::Verifier(reply) = replies.recv().unwrap() else { panic!() };
        assert!(!reply.is_awaited() && server.with(|machine, _| machine.open_operations()) == 0);
        reply.stored();
        // It had no effect.
        client.authorize("alice", "secret").await.unwrap();
        end(server).await;
    });
}

#[test]
fn what_the_operator_asks_for_passes_by_the_hooks() {
    smol::block_on(async {
        let (server, _misses) = serve();
        // The hooks would drop it.
        let found = server.operate(Operation::FindAccount { login: "silent".into() }).await;
        assert!(matches!(found, Ok(Outcome::Account(Some(_)))), "{found:?}");
        end(server).await;
    });
}
