//! Commands of `--json`, and a bridge that is made of them.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::files::Files;
use crate::process::{ADAPTERS, PROGRAM, Process, WAIT, password, serve};

/// Types a command; its end.
fn ask(chat: &mut Process, command: &Value) -> Value {
    chat.type_line(&command.to_string());
    loop {
        let event = chat.any_event();
        if event["id"] == command["id"] {
            return event;
        }
    }
}

#[test]
fn commands_end_with_their_ids() {
    for adapter in ADAPTERS {
        let (_serve, url) = serve("127.0.0.1:0");
        let mut bob = adapter.user(&url, "bob");
        let mut alice = adapter.user(&url, "alice");
        let body = "a\nb \"c\" \u{202e}";
        let send = json!({"command": "send", "to": "bob", "body": body, "key": "k", "id": "s"});
        let sent = ask(&mut alice, &send);
        assert_eq!((&sent["event"], &sent["marker"]), (&json!("message_sent"), &json!(1)));
        // The same key: the same answer, and nothing arrives.
        let again = ask(&mut alice, &send);
        assert_eq!((&again["marker"], &again["position"]), (&json!(2), &sent["position"]));
        ask(&mut alice, &json!({"command": "send", "to": "bob", "body": "next", "id": 1}));
        assert_eq!(bob.event("message")["message"]["body"], body);
        let next = bob.event("message");
        assert_eq!(next["message"]["body"], "next");
        let contacts = ask(&mut bob, &json!({"command": "contacts", "id": 1}));
        assert_eq!((&contacts["event"], &contacts["contacts"][0]["unread"]), (&json!("contacts"), &json!(2)));
        let up_to = &next["message"]["position"];
        let marked = ask(&mut bob, &json!({"command": "read", "login": "alice", "up_to": up_to, "id": 2}));
        assert_eq!(marked, json!({"event": "marked", "login": "alice", "up_to": up_to, "id": 2}));
        let history = ask(&mut bob, &json!({"command": "history", "login": "alice", "count": 1, "id": 3}));
        assert_eq!((&history["event"], &history["more"]), (&json!("history"), &json!(true)));
        let before = &history["history"][0]["position"];
        let older =
            ask(&mut bob, &json!({"command": "history", "login": "alice", "before": before, "id": 4}));
        assert_eq!((&older["history"][0]["body"], &older["more"]), (&json!(body), &json!(false)));
        assert_eq!(older["history"].as_array().unwrap().len(), 1);
        bob.end_of_input();
        assert_eq!(bob.end(), (vec![], Some(0)));
    }
}

#[test]
fn what_can_not_be_done_is_an_event() {
    let (_serve, url) = serve("127.0.0.1:0");
    for adapter in ADAPTERS {
        let mut alice = adapter.user(&url, "alice");
        let refused = ask(&mut alice, &json!({"command": "send", "to": "nobody", "body": "x", "id": 1}));
        assert_eq!((&refused["event"], &refused["request"]), (&json!("info"), &json!("send_message")));
        let long = "x".repeat(20_000);
        let key = "x".repeat(65);
        for (command, reason) in [
            (json!({"command": "dance", "id": 2}), "unknown_command"),
            (json!({"command": "send", "to": "bob", "id": 3}), "bad_field"),
            (json!({"command": "send", "to": "bob", "body": long, "id": 4}), "too_long"),
            (json!({"command": "send", "to": "bob", "body": "x", "key": key, "id": 5}), "too_long"),
            (json!({"command": "send", "to": "bob", "body": "x", "key": "", "id": 6}), "bad_key"),
            (json!({"command": "taken", "position": 0, "id": 7}), "invalid"),
        ] {
            let rejected = ask(&mut alice, &command);
            assert_eq!((&rejected["event"], &rejected["reason"]), (&json!("rejected"), &json!(reason)));
            assert!(!rejected["info"].as_str().unwrap().is_empty());
        }
        alice.type_line("{nonsense");
        assert_eq!(alice.event("rejected")["reason"], "not_json");
        alice.type_line(&"x".repeat(200_000));
        assert_eq!(alice.event("rejected")["reason"], "too_long");
        alice.end_of_input();
        assert_eq!(alice.end(), (vec![], Some(67)));
        let mut guest = adapter.guest(&url);
        assert_eq!(ask(&mut guest, &json!({"command": "contacts", "id": 1}))["reason"], "not_signed_in");
    }
}

/// With `--taken` what the program has not handled comes again.
#[test]
fn the_place_moves_when_the_program_says_so() {
    for adapter in ADAPTERS {
        let (_serve, url) = serve("127.0.0.1:0");
        let files = Files::new();
        let file = files.path("alice");
        let mut bob = adapter.user(&url, "bob");
        let options = ["--url", &url, "--login", "alice", "--password", password("alice")];
        let start = || adapter.chat(&[&options[..], &["--state", &file, "--taken"]].concat());
        let mut alice = start();
        alice.event("caught_up");
        for body in ["one", "two"] {
            bob.type_line(&format!("/msg alice {body}"));
        }
        let first = alice.event("message");
        assert_eq!(alice.event("message")["message"]["body"], "two");
        let taken = |position: &Value| json!({"command": "taken", "position": position}).to_string();
        alice.type_line(&taken(&first["message"]["position"]));
        alice.end_of_input();
        assert_eq!(alice.status(), Some(0));
        let mut alice = start();
        let second = alice.event("message");
        assert_eq!(second["message"]["body"], "two");
        alice.type_line(&taken(&json!(1_000)));
        assert_eq!(alice.event("rejected")["reason"], "invalid");
        alice.type_line(&taken(&second["message"]["position"]));
        alice.end_of_input();
        assert_eq!(alice.status(), Some(65));
        let mut alice = start();
        let next = alice.event_of(&["message", "caught_up"]);
        assert_eq!(next["event"], "caught_up");
    }
}

/// The bridge is killed in the middle, and started again: nothing is missed, nothing arrives twice.
#[cfg(unix)]
#[test]
fn a_bridge_in_python_carries_each_message_once() {
    let ((_here, url_here), (_there, url_there)) = (serve("127.0.0.1:0"), serve("127.0.0.1:0"));
    let files = Files::new();
    files.write("here.password", password("bob"));
    files.write("there.password", password("alice"));
    let start = || {
        let mut python = Command::new("python3");
        python.args(["-B", concat!(env!("CARGO_MANIFEST_DIR"), "/examples/bridge.py")]);
        python.args(["here", &url_here, "bob", "alice", "there", &url_there, "alice", "bob"]);
        python.current_dir(files.folder()).env("SKARO", PROGRAM).stdin(Stdio::null());
        python.spawn().unwrap()
    };
    // Its chats end by themselves when nobody writes to them any more.
    let wait_for_chats = || {
        let unlocked = "import fcntl, sys\nfor path in sys.argv[1:]: fcntl.flock(open(path), fcntl.LOCK_EX)";
        let locks = [files.path("here.state.lock"), files.path("there.state.lock")];
        assert!(Command::new("python3").args(["-c", unlocked]).args(locks).status().unwrap().success());
    };
    // Alice is on this server and bob on that one; the bridge is bob here, and alice there.
    let mut alice = ADAPTERS[0].user(&url_here, "alice");
    let mut bob = ADAPTERS[0].user(&url_there, "bob");
    let mut bridge = start();
    let mut number = 0;
    // The bridge has a place on both sides.
    let deadline = std::time::Instant::now() + WAIT;
    while std::fs::metadata(files.path("here.state")).is_err()
        || std::fs::metadata(files.path("there.state")).is_err()
    {
        assert!(std::time::Instant::now() < deadline, "the bridge does not begin");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let mut heard_by_bob = Vec::new();
    for _ in 0..3 {
        for _ in 0..20 {
            number += 1;
            alice.type_line(&format!("/msg bob a{number}"));
            bob.type_line(&format!("/msg alice b{number}"));
        }
        // Killed while some are on their way.
        heard_by_bob.push(bob.event("message")["message"]["body"].clone());
        bridge.kill().unwrap();
        bridge.wait().unwrap();
        wait_for_chats();
        bridge = start();
    }
    while heard_by_bob.len() < number {
        heard_by_bob.push(bob.event("message")["message"]["body"].clone());
    }
    let heard_by_alice: Vec<_> =
        (0..number).map(|_| alice.event("message")["message"]["body"].clone()).collect();
    let expected =
        |name: &str| (1..=number).map(|number| json!(format!("{name}{number}"))).collect::<Vec<_>>();
    assert_eq!(heard_by_bob, expected("a"));
    assert_eq!(heard_by_alice, expected("b"));
    bridge.kill().unwrap();
    bridge.wait().unwrap();
    wait_for_chats();
    // Nothing comes twice, also after the last one.
    for (chat, sender, line, url) in
        [(&mut alice, "bob", "/msg alice end", &url_here), (&mut bob, "alice", "/msg bob end", &url_there)]
    {
        let mut sender = ADAPTERS[0].user(url, sender);
        sender.type_line(line);
        sender.event("message_sent");
        assert_eq!(chat.event("message")["message"]["body"], "end");
    }
}
