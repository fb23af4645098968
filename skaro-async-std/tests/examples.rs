//! The examples run, and do what they say; the bot survives its users.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests say what went wrong by panicking; helpers outside of test functions are not recognized as tests"
)]

use std::env::{self, consts::EXE_SUFFIX};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_std::future::timeout;
use async_std::task::block_on;
use futures_util::StreamExt;
use skaro_async_std::proto::client::{Event, Status};
use skaro_async_std::proto::server::{self, Config};
use skaro_async_std::{Client, Events, Options, Server, random_seed};

/// Long enough for a slow machine; whatever takes longer hangs.
const WAIT: Duration = Duration::from_secs(30);

#[test]
fn the_readme_has_the_bot_word_for_word() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```rust,no_run\n").unwrap();
    let (shown, _) = rest.split_once("```").unwrap();
    let (_, bot) = include_str!("../examples/bot.rs").split_once("\n\n").unwrap();
    assert_eq!(shown, bot);
    assert!(bot.lines().count() <= 26);
}

#[test]
fn the_bot_survives_messages_of_every_length() {
    let server = Someone::server("127.0.0.1:0");
    let _bot = Example::bot(&server);
    let mut alice = Someone::sign_in(&server, "alice");
    alice.wait_for_bot(&server, 1);
    for length in [1, 16_374, 16_375, 16_380, 16_384] {
        alice.says(&"x".repeat(length));
        // Longer ones can't be answered: the answer is longer still.
        if length <= 16_374 {
            assert_eq!(alice.hears().len(), "you said: ".len() + length);
        }
    }
    alice.says("still there?");
    assert_eq!(alice.hears(), "you said: still there?");
}

#[test]
fn the_bot_survives_a_restart_of_the_server() {
    let server = Someone::server("127.0.0.1:0");
    let address = server.url().trim_start_matches("ws://").split('/').next().unwrap().to_owned();
    let _bot = Example::bot(&server);
    let mut alice = Someone::sign_in(&server, "alice");
    alice.wait_for_bot(&server, 1);
    alice.says("before");
    assert_eq!(alice.hears(), "you said: before");
    block_on(server.shut_down("until soon"));
    let server = Someone::server(&address);
    let mut alice = Someone::sign_in(&server, "alice");
    alice.wait_for_bot(&server, 1);
    alice.says("after");
    assert_eq!(alice.hears(), "you said: after");
}

#[test]
fn two_bots_do_not_answer_each_other() {
    let server = Someone::server("127.0.0.1:0");
    let _bots = [Example::bot(&server), Example::bot(&server)];
    let mut alice = Someone::sign_in(&server, "alice");
    alice.wait_for_bot(&server, 2);
    for n in 0..10 {
        alice.says(&n.to_string());
        for _ in 0..2 {
            assert_eq!(alice.hears(), format!("you said: {n}"));
        }
    }
    let history = block_on(alice.client.get_history("bot")).unwrap();
    assert_eq!(history.messages.len(), 30);
}

#[test]
#[ignore = "until adapters read on while somebody waits for an answer"]
fn the_bot_survives_3000_messages_at_once() {
    let server = Someone::server("127.0.0.1:0");
    let _bot = Example::bot(&server);
    let mut alice = Someone::sign_in(&server, "alice");
    alice.wait_for_bot(&server, 1);
    server.with(|machine, now| {
        for n in 0..3000 {
            machine.post(now, "alice", "bot", &n.to_string()).unwrap();
        }
    });
    for n in 0..3000 {
        assert_eq!(alice.hears(), format!("you said: {n}"));
    }
}

#[test]
fn the_bot_ends_when_it_is_not_let_in() {
    let server = Someone::server("127.0.0.1:0");
    let address = server.url().trim_start_matches("ws://").split('/').next().unwrap().to_owned();
    let mut bot = Example::bot(&server);
    let alice = Someone::sign_in(&server, "alice");
    alice.wait_for_bot(&server, 1);
    block_on(server.shut_down("until soon"));
    let mut machine = server::Server::new(Config::default(), random_seed().unwrap());
    machine.add_user("bot", "another password").unwrap();
    let _server = block_on(Server::bind(&*address, machine)).unwrap();
    assert!(!bot.succeeds());
}

#[test]
fn the_notifier_notifies() {
    let server = Someone::server("127.0.0.1:0");
    let mut alice = Someone::sign_in(&server, "alice");
    let notify = |password: &str, to: &str| {
        let mut command = command("notify");
        command.args([&server.url(), "bot", to, "it is done"]).env("SKARO_PASSWORD", password);
        command.stderr(Stdio::null()).status().unwrap().success()
    };
    assert!(notify("correct horse", "alice"));
    assert_eq!(alice.hears(), "it is done");
    assert!(!notify("wrong", "alice"));
    assert!(!notify("correct horse", "nobody"));
}

#[test]
fn the_embedded_server_serves() {
    assert!(command("embedded").status().unwrap().success());
}

#[test]
fn the_bridge_carries_lines_both_ways() {
    let server = Someone::server("127.0.0.1:0");
    let mut alice = Someone::sign_in(&server, "alice");
    let mut command = command("bridge");
    command.args([&server.url(), "bot", "alice"]).env("SKARO_PASSWORD", "correct horse");
    let mut bridge = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = bridge.stdin.take().unwrap();
    input.write_all(b"from the pipe\n").unwrap();
    assert_eq!(alice.hears(), "from the pipe");
    alice.says("to the\npipe");
    // The bridge writes a message before it takes the next one.
    let mut line = String::new();
    let output = bridge.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
    assert_eq!(line, "to the\\npipe\n");
    drop(input);
    assert!(bridge.wait().unwrap().success());
}

/// Somebody who is signed in.
struct Someone {
    client: Client,
    events: Events,
}

impl Someone {
    fn server(address: &str) -> Server {
        let mut config = Config::default();
        config.open_directory = true;
        let mut machine = server::Server::new(config, random_seed().unwrap());
        machine.add_user("bot", "correct horse").unwrap();
        machine.add_user("alice", "secret").unwrap();
        block_on(Server::bind(address, machine)).unwrap()
    }

    fn sign_in(server: &Server, login: &str) -> Someone {
        let (client, events) = block_on(Client::connect(Options::new(server.url()))).unwrap();
        block_on(client.authorize(login, "secret")).unwrap();
        Someone { client, events }
    }

    /// Waits until so many bots are signed in.
    fn wait_for_bot(&self, server: &Server, count: usize) {
        let is_there = || server.with(|machine, _| machine.is_online("bot") && machine.connections() > count);
        let there = async {
            while !is_there() {
                async_std::task::sleep(Duration::from_millis(5)).await;
            }
        };
        block_on(timeout(WAIT, there)).expect("the bot does not come");
        assert_eq!(self.client.with(|client| client.status()), Status::SignedIn);
    }

    fn says(&self, body: &str) {
        block_on(self.client.send_message("bot", body)).unwrap();
    }

    /// The next message that the bot sends.
    fn hears(&mut self) -> String {
        let next = async {
            loop {
                match self.events.next().await.expect("closed") {
                    Event::Message { message, .. } if message.from.login == "bot" => {
                        return message.body.to_string();
                    }
                    _ => (),
                }
            }
        };
        block_on(timeout(WAIT, next)).expect("nothing is heard")
    }
}

/// An example that runs, until this is dropped.
struct Example(Child);

impl Example {
    fn bot(server: &Server) -> Example {
        Example(command("bot").arg(server.url()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Example {
    /// Waits for its end, and tells whether that was a good one.
    fn succeeds(&mut self) -> bool {
        let deadline = Instant::now() + WAIT;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("the example does not end");
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Cargo builds a package's examples before its tests, unless only some tests are asked for.
fn command(example: &str) -> Command {
    let tests = env::current_exe().unwrap();
    let path: PathBuf =
        tests.parent().unwrap().with_file_name("examples").join(example.to_owned() + EXE_SUFFIX);
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = BUILDING.lock();
    if !path.exists() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "-p", "skaro-async-std", "--example", example])
            .status();
        assert!(built.unwrap().success() && path.exists(), "{} can't be built", path.display());
    }
    Command::new(path)
}
