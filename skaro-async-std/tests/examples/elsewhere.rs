//! The core's own examples, over runtimes and WebSockets that no adapter here uses: they talk, survive the server's
//! restart, and end.

use crate::process::{Process, password, serve};

#[test]
fn over_tokio() {
    talks("tokio");
}

#[test]
fn over_smol() {
    talks("smol");
}

#[test]
fn in_a_plain_thread() {
    talks("thread");
}

fn talks(example: &str) {
    let (server, url) = serve("127.0.0.1:0");
    let mut bot = Process::start(example, &[&url, "bob", password("bob")]);
    bot.output("authorize: done");
    let mut alice = Process::user(&url, "alice");
    says(&mut alice, "hello");
    bot.output("send_message: done");

    drop(server);
    alice.event("disconnected");
    let address = url.strip_prefix("ws://").unwrap().strip_suffix("/skaro_client/").unwrap();
    let _server = serve(address);
    bot.output("authorize: done");
    let mut alice = Process::user(&url, "alice");
    says(&mut alice, "hello again");
    alice.type_line("/msg bob stop");
    assert_eq!(bot.status(), Some(0));
}

/// Says something to the bot, and waits for its answer.
fn says(alice: &mut Process, body: &str) {
    alice.type_line(&format!("/msg bob {body}"));
    let answer = alice.event("message");
    assert_eq!(answer["message"]["body"], format!("you said: {body}"));
}
