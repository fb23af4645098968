//! What was said while a chat was away comes in the next one, and nothing old comes again.

use std::io::Read;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::files::Files;
use crate::process::{ADAPTERS, Adapter, Process, command, password, serve, wait};
use crate::relay::Relay;

fn with_state(adapter: Adapter, url: &str, file: &str) -> Process {
    adapter.chat(&["--url", url, "--login", "alice", "--password", password("alice"), "--state", file])
}

/// The bodies of the messages that come before everything has come.
fn missed(chat: &mut Process) -> Vec<String> {
    let mut bodies = Vec::new();
    loop {
        let event = chat.event_of(&["message", "caught_up"]);
        match event["message"]["body"].as_str() {
            Some(body) => bodies.push(body.to_owned()),
            None => return bodies,
        }
    }
}

#[test]
fn a_chat_begins_where_the_last_one_was() {
    for adapter in ADAPTERS {
        let (_serve, url) = serve("127.0.0.1:0");
        let files = Files::new();
        let file = files.path("alice");
        let mut bob = adapter.user(&url, "bob");
        let mut say = |body: &str| {
            bob.type_line(&format!("/msg alice {body}"));
            bob.event("message_sent")["date"].clone()
        };
        say("before the first chat");
        let mut alice = with_state(adapter, &url, &file);
        assert_eq!(missed(&mut alice), [""; 0]);
        say("heard");
        assert_eq!(alice.event("message")["message"]["body"], "heard");
        alice.end_of_input();
        assert_eq!(alice.end().1, Some(0));
        say("while away");
        let date = say("and away");
        let mut alice = with_state(adapter, &url, &file);
        assert_eq!(missed(&mut alice), ["while away", "and away"]);
        // Killed: what it has shown is in its file nevertheless.
        alice.type_line("/contacts");
        let contacts = alice.event("contacts");
        drop(alice);
        let bob_there = &contacts["contacts"][0];
        assert_eq!(bob_there["unread"], 4, "{contacts}");
        assert_eq!((&bob_there["last"]["body"], &bob_there["last"]["date"]), (&json!("and away"), &date));
        assert_eq!(missed(&mut with_state(adapter, &url, &file)), [""; 0]);
    }
}

#[test]
fn after_a_break_comes_what_was_missed_and_nothing_old() {
    for adapter in ADAPTERS {
        let (_serve, url) = serve("127.0.0.1:0");
        let relay = Relay::start(&url);
        let mut bob = adapter.user(&url, "bob");
        let mut alice = adapter.user(&relay.url, "alice");
        alice.event("caught_up");
        bob.type_line("/msg alice before");
        assert_eq!(alice.event("message")["message"]["body"], "before");
        relay.cut();
        bob.type_line("/msg alice meanwhile");
        alice.type_line("/msg bob also meanwhile");
        bob.event("message_sent");
        assert_eq!(missed(&mut alice), ["meanwhile"]);
        bob.type_line("/msg alice last");
        assert_eq!(alice.event("message")["message"]["body"], "last");
        assert_eq!(bob.event("message")["message"]["body"], "also meanwhile");
        alice.end_of_input();
        assert_eq!(alice.status(), Some(0));
    }
}

/// The first mark has left a gap in the log.
#[test]
fn people_do_not_see_superseded_read_marks() {
    for adapter in ADAPTERS {
        let (_serve, url) = serve("127.0.0.1:0");
        let files = Files::new();
        let (file, copy) = (files.path("alice"), files.path("copy"));
        let mut alice = with_state(adapter, &url, &file);
        assert_eq!(missed(&mut alice), [""; 0]);
        alice.end_of_input();
        assert_eq!(alice.end().1, Some(0));
        std::fs::copy(&file, &copy).unwrap();
        let (mut bob, mut alice) = (adapter.user(&url, "bob"), adapter.user(&url, "alice"));
        for body in ["one", "two"] {
            bob.type_line(&format!("/msg alice {body}"));
            let up_to = &alice.event("message")["message"]["position"];
            alice.type_line(&json!({"command": "read", "login": "bob", "up_to": up_to}).to_string());
            alice.event("marked");
        }
        let mut program = with_state(adapter, &url, &file);
        assert_eq!(program.event("unknown")["type"], "gone");
        let options = ["chat", "--url", &url, "--login", "alice", "--password", password("alice")];
        let mut person = Process::start(&[&options[..], &["--state", &copy], adapter.0].concat());
        person.output("2 messages came while you were away");
        assert!(!person.transcript().contains("unknown"), "{}", person.transcript());
    }
}

/// A reader that closes the pipe has not read what comes afterwards.
#[test]
fn what_nobody_has_read_comes_again() {
    for adapter in ADAPTERS {
        let (_serve, url) = serve("127.0.0.1:0");
        let files = Files::new();
        let file = files.path("alice");
        let mut bob = adapter.user(&url, "bob");
        let mut alice = with_state(adapter, &url, &file);
        assert_eq!(missed(&mut alice), [""; 0]);
        alice.end_of_input();
        assert_eq!(alice.end().1, Some(0));
        for n in 0..20 {
            // Together they are longer than a pipe holds, or all might be in it before it is closed.
            bob.type_line(&format!("/msg alice {n:8000}"));
            bob.event("message_sent");
        }
        let options = ["chat", "--json", "--url", &url, "--login", "alice", "--password", password("alice")];
        let mut chat = command(&[&options[..], &["--state", &file], adapter.0].concat());
        let mut chat = chat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = chat.stdin.take();
        let mut line = [0];
        chat.stdout.take().unwrap().read_exact(&mut line).unwrap();
        assert_eq!(wait(&mut chat), Some(Some(0)));
        drop(input);
        let again = missed(&mut with_state(adapter, &url, &file));
        let in_the_pipe = 64 * 1024 / 8000;
        assert!((20 - in_the_pipe - 1..=20).contains(&again.len()), "{}", again.len());
    }
}

#[test]
fn a_file_is_for_one_chat_of_one_user() {
    let (_serve, url) = serve("127.0.0.1:0");
    let files = Files::new();
    let file = files.path("alice");
    let mut alice = with_state(ADAPTERS[0], &url, &file);
    alice.event("caught_up");
    let mut second = with_state(ADAPTERS[0], &url, &file);
    second.complaint("another chat uses this file");
    assert_eq!(second.status(), Some(75));
    alice.end_of_input();
    assert_eq!(alice.status(), Some(0));
    let args = ["--url", &url, "--login", "bob", "--password", password("bob"), "--state", &file];
    let mut bob = ADAPTERS[0].chat(&args);
    bob.complaint("this is the state of alice");
    assert_eq!(bob.status(), Some(78));
    files.write("alice", "nonsense");
    let mut alice = with_state(ADAPTERS[0], &url, &file);
    alice.complaint("no state of a chat");
    assert_eq!(alice.status(), Some(78));
}

#[cfg(unix)]
#[test]
fn a_server_that_has_lost_its_data_is_noticed() {
    let (serve_1, url) = serve("127.0.0.1:0");
    let files = Files::new();
    let file = files.path("alice");
    let mut alice = with_state(ADAPTERS[0], &url, &file);
    let log = alice.event("caught_up")["log"].clone();
    alice.end_of_input();
    assert_eq!(alice.status(), Some(0));
    serve_1.signal("TERM");
    serve_1.end();
    let (_serve_2, _) = serve(url.trim_start_matches("ws://").trim_end_matches("/skaro_client/"));
    let mut bob = ADAPTERS[0].user(&url, "bob");
    bob.type_line("/msg alice in the new log");
    bob.event("message_sent");
    let mut alice = with_state(ADAPTERS[0], &url, &file);
    let changed = alice.event("log_changed");
    assert_eq!(changed["position"], 0);
    assert_ne!(changed["log"], log);
    assert_eq!(missed(&mut alice), ["in the new log"]);
}

#[cfg(unix)]
#[test]
fn a_server_that_goes_on_from_a_backup_says_so() {
    let files = Files::new();
    let (file, copy, data) = (files.path("alice"), files.path("copy"), files.path("data"));
    let talk = |message: &str, is_other_log: bool| {
        let users = ["--user", "alice:correct:horse", "--user", "bob:battery staple"];
        let mut server =
            Process::start(&[&["serve", "--listen", "127.0.0.1:0", "--data", &data], &users[..]].concat());
        let url = server.address();
        let mut bob = ADAPTERS[0].user(&url, "bob");
        bob.type_line(&format!("/msg alice {message}"));
        bob.event("message_sent");
        let mut alice = with_state(ADAPTERS[0], &url, &file);
        if is_other_log {
            assert_eq!(alice.event("log_changed")["position"], 0);
        }
        let heard = missed(&mut alice);
        alice.end_of_input();
        assert_eq!(alice.status(), Some(0));
        server.signal("TERM");
        server.end();
        heard
    };
    let operate = |command| assert_eq!(Process::start(&[command, &copy, "--data", &data]).status(), Some(0));
    // The first chat begins with what is said from then on.
    assert_eq!(talk("kept", false), [""; 0]);
    operate("backup");
    assert_eq!(talk("lost", false), ["lost"]);
    std::fs::remove_dir_all(&data).unwrap();
    operate("restore");
    assert_eq!(talk("new", true), ["kept", "new"]);
}

/// What a program reads, nobody has seen yet; a position comes with each entry.
#[test]
fn positions_are_told_and_nothing_is_marked_as_read() {
    for adapter in ADAPTERS {
        let (_serve, url) = serve("127.0.0.1:0");
        let mut bob = adapter.user(&url, "bob");
        let mut alice = adapter.user(&url, "alice");
        alice.type_line("/msg bob hello");
        assert_eq!(alice.event("message_sent")["position"], 1);
        assert_eq!(bob.event("message")["message"]["position"], 1);
        bob.type_line("/contacts");
        assert_eq!(bob.event("contacts")["contacts"][0]["unread"], 1);
        let read: Vec<Value> = {
            bob.end_of_input();
            bob.end().0
        };
        assert!(read.iter().all(|event| event["event"] != "read"), "{read:?}");
    }
}
