//! The core's own example, over a WebSocket that no adapter here uses: it talks, survives the server's restart, and ends.

use std::env::{self, consts::EXE_SUFFIX};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use crate::process::{ADAPTERS, Process, password, serve};

#[test]
fn in_a_plain_thread() {
    talks("thread");
}

fn talks(example: &str) {
    let (server, url) = serve("127.0.0.1:0");
    let mut bot = Process::run(Command::new(path(example)).args([&url, "bob", password("bob")]));
    bot.output("authorize: done");
    let mut alice = ADAPTERS[0].user(&url, "alice");
    says(&mut alice, "hello");
    bot.output("send_message: done");

    drop(server);
    alice.event("disconnected");
    let address = url.strip_prefix("ws://").unwrap().strip_suffix("/skaro_client/").unwrap();
    let _server = serve(address);
    bot.output("authorize: done");
    let mut alice = ADAPTERS[0].user(&url, "alice");
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

/// Where an example of the core is. It is built each time: one that is there may be of older sources.
fn path(example: &str) -> PathBuf {
    let tests = env::current_exe().unwrap();
    let path = tests.parent().unwrap().with_file_name("examples").join(example.to_owned() + EXE_SUFFIX);
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = BUILDING.lock();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--workspace", "--locked", "--example", example]);
    // Into the folder in which this test is.
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success() && path.exists(), "{} can't be built", path.display());
    path
}
