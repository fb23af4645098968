//! Terminals are as they were, whatever ends the program.

use std::net::TcpListener;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use tungstenite::Message;

use crate::chat::{EVIL, hostile_server};
use crate::process::{ADAPTERS, PROGRAM, serve};

/// Runs the program on a terminal, which takes these steps; what it showed, its status, and the terminal's settings.
fn on_terminal(args: &[&str], steps: &Value) -> Value {
    command_on_terminal(&[&[PROGRAM], args].concat(), steps)
}

/// Runs any command on a terminal, as above.
fn command_on_terminal(args: &[&str], steps: &Value) -> Value {
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/terminal.py");
    let mut python = Command::new("python3");
    python.args(["-B", driver, &steps.to_string()]).args(args);
    python.env_remove("SKARO_PASSWORD").env("TERM", "xterm");
    let ran = python.output().unwrap();
    assert!(ran.status.success(), "{args:?} {steps}: {}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// Case 18, and all other ways out.
#[test]
fn a_password_prompt_leaves_the_terminal_as_it_was() {
    let (_serve, url) = serve("127.0.0.1:0");
    let asks = json!(["expect", "Password of alice: "]);
    for (command, number) in [("chat", 2), ("send", 15), ("chat", 1), ("send", 2), ("chat", 15), ("chat", 3)]
    {
        let args = [
            &[command, "--url", &url, "--login", "alice"][..],
            if command == "send" { &["bob", "x"] } else { &[] },
        ]
        .concat();
        let ended = on_terminal(&args, &json!([asks, ["signal", number]]));
        assert_eq!((&ended["echo"], &ended["status"]), (&json!(true), &json!(-number)), "{ended}");
    }
    let typed = on_terminal(&["chat", "--url", &url, "--login", "alice"], &json!([asks, ["type", "\u{3}"]]));
    assert_eq!((&typed["echo"], &typed["status"]), (&json!(true), &json!(-2)), "{typed}");
    let answered = json!([asks, ["type", "correct:horse\r"]]);
    let sent = on_terminal(&["send", "--url", &url, "--login", "alice", "bob", "x"], &answered);
    assert_eq!((&sent["echo"], &sent["status"]), (&json!(true), &json!(0)), "{sent}");
    assert!(!sent["output"].as_str().unwrap().contains("horse"), "{sent}");
}

#[test]
fn no_password_is_asked_for_where_there_is_no_server() {
    for options in [&["chat"][..], &["chat", "--blocking"]] {
        let nowhere = ["--url", "ws://127.0.0.1:1/", "--login", "alice"];
        let ended = on_terminal(&[options, &nowhere].concat(), &json!([]));
        assert_eq!((&ended["echo"], &ended["status"]), (&json!(true), &json!(69)), "{ended}");
        assert!(!ended["output"].as_str().unwrap().contains("Password"), "{ended}");
    }
}

#[test]
fn a_chat_leaves_the_terminal_as_it_was() {
    // The prompt, not a line of the history: before, Ctrl-D would get lost with the terminal's change to single keys.
    let ready = json!(["expect", "to \u{1b}[34mbob"]);
    for end in [
        json!(["type", "/quit\r"]),
        json!(["type", "\u{4}"]),
        json!(["type", "half a line\u{3}\u{3}"]),
        json!(["signal", 15]),
        json!(["signal", 1]),
        json!(["signal", 2]),
    ] {
        for options in [&["chat"][..], &["chat", "--blocking"]] {
            let ended = on_terminal(options, &json!([ready, end]));
            assert_eq!((&ended["echo"], &ended["canonical"]), (&json!(true), &json!(true)), "{end}: {ended}");
            assert_eq!(ended["status"], 0, "{end}: {ended}");
        }
    }
}

#[test]
fn a_chat_can_be_stopped_and_continued() {
    let script = r#"set -m; "$@"; echo "stopped: $?"; fg > /dev/null"#;
    let prompt = json!(["expect", "to \u{1b}[34mbob"]);
    let steps = json!([
        prompt,
        ["canonical", false],
        ["type", "half\u{1a}"],
        ["expect", "stopped: 148"],
        // The line that was being typed is shown again, and the rest is read key by key.
        ["expect", "half"],
        ["canonical", false],
        ["type", " a line?\r"],
        ["expect", "Good question."],
        ["type", "/quit\r"],
    ]);
    let ended =
        command_on_terminal(&["bash", "-c", script, "bash", PROGRAM, "chat", "--login", "alice"], &steps);
    assert_eq!((&ended["echo"], &ended["canonical"]), (&json!(true), &json!(true)), "{ended}");
    assert_eq!(ended["status"], 0, "{ended}");
}

#[test]
fn a_typed_password_is_neither_shown_nor_remembered() {
    let (_serve, url) = serve("127.0.0.1:0");
    let steps = json!([
        ["canonical", false],
        ["type", "/authorize alice correct:horse"],
        ["expect", "alice *************"],
        ["type", "\r"],
        ["expect", "signed in as"],
        // The previous line.
        ["type", "\u{1b}[A\u{1b}[A"],
        ["type", "/help\r"],
        ["expect", "/quit"],
        ["type", "/quit\r"],
    ]);
    for options in [&["chat"][..], &["chat", "--blocking"]] {
        let ended = on_terminal(&[options, &["--url", &url]].concat(), &steps);
        assert_eq!((&ended["echo"], &ended["status"]), (&json!(true), &json!(0)), "{ended}");
        let text = ended["output"].as_str().unwrap();
        assert!(!text.contains("horse"), "{ended}");
        assert!(!text.rsplit("signed in as").next().unwrap().contains('*'), "{ended}");
    }
}

#[test]
fn what_is_typed_ahead_is_not_echoed() {
    // While the chat signs in, it reads no lines.
    let url = silent_server();
    let steps = json!([["expect", "connected"], ["canonical", true], ["echo", false], ["type", "\u{3}"]]);
    let ended = on_terminal(&["chat", "--url", &url, "--login", "alice", "--password", "x"], &steps);
    assert_eq!((&ended["echo"], &ended["canonical"]), (&json!(true), &json!(true)), "{ended}");
}

/// Starts a server that greets, and answers nothing.
fn silent_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        socket.send(Message::text(r#"{"type":"check_connection","token":"t"}"#)).unwrap();
        while socket.read().is_ok() {}
    });
    url
}

#[test]
fn people_at_a_terminal_see_refusals_and_end_well() {
    let (_serve, url) = serve("127.0.0.1:0");
    let steps = json!([
        ["expect", "Password of alice: "],
        ["type", "wrong\r"],
        ["expect", "authorize was refused"],
        ["expect", "Password of alice: "],
        ["type", "wrong again\r"],
        ["expect", "authorize was refused"],
        ["expect", "Password of alice: "],
        ["type", "correct:horse\r"],
        ["expect", "signed in as"],
        ["expect", "> "],
        ["type", "/quit\r"],
    ]);
    let ended = on_terminal(&["chat", "--url", &url, "--login", "alice"], &steps);
    assert_eq!((&ended["echo"], &ended["status"]), (&json!(true), &json!(0)), "{ended}");
    let shown = ended["output"].as_str().unwrap();
    assert!(!shown.contains("horse") && !shown.contains("again"), "{ended}");
}

#[test]
fn commands_and_names_complete_and_a_line_can_be_cleared() {
    let steps = json!([
        // The names are known by now; and the prompt, which is drawn again after the history: before it, Ctrl-C ends the chat.
        ["expect", "I'll answer."],
        ["expect", "to \u{1b}[34mbob"],
        ["type", "half a line\u{3}"],
        ["type", "/hi\thello\u{3}"],
        ["type", "/ms\tdav\thello\r"],
        ["expect", "sent to dave, #1"],
        // Whom one has written to last gets the next line.
        ["expect", "to \u{1b}"],
        ["type", "/to bo\tx\u{7f}\r"],
        ["type", "hi\r"],
        ["expect", "sent to bob, #2"],
        ["expect", "Hello alice!"],
        ["type", "//me waves\r"],
        ["expect", "sent to bob, #3"],
        ["type", "/history bob 1\r"],
        ["expect", "1 message; /older shows"],
        ["type", "/older\r"],
        ["expect", "1 message; /older shows"],
        ["type", "/quit\r"],
    ]);
    for (options, rings) in [(&["chat"][..], true), (&["chat", "--no-bell"], false)] {
        let ended = on_terminal(options, &steps);
        assert_eq!(ended["status"], 0, "{ended}");
        let shown = ended["output"].as_str().unwrap();
        assert_eq!(shown.contains('\u{7}'), rings, "{ended}");
        assert!(!shown.contains("sent to dave, #2") && !shown.contains("half a line\r"), "{ended}");
    }
}

/// Case 25, where it harms.
#[test]
fn nothing_that_a_server_says_moves_the_cursor() {
    for (greets, count) in [(false, 1), (true, 5)] {
        let url = hostile_server(greets);
        let args = ["chat", "--url", &url, "--no-reconnect", "--login", "alice", "--password", "x"];
        let shown = on_terminal(&args, &json!([]));
        let text = shown["output"].as_str().unwrap();
        let escaped: String = EVIL
            .chars()
            .map(|char| match char {
                ' '..='~' => char.to_string(),
                _ => char.escape_unicode().to_string(),
            })
            .collect();
        assert!(text.matches(&escaped).count() >= count, "{shown}");
        assert!(
            !text.contains("\u{1b}]") && !text.contains(['\u{7}', '\u{9b}', '\u{202e}', '\u{200b}']),
            "{shown}"
        );
    }
}

/// A person sees who has written meanwhile, and what was shown is read on all devices, and nowhere shown again.
#[test]
fn what_a_person_has_seen_is_read() {
    let (_serve, url) = serve("127.0.0.1:0");
    let mut bob = ADAPTERS[0].user(&url, "bob");
    for n in 1..=3 {
        bob.type_line(&format!("/msg alice number {n}"));
        bob.event("message_sent");
    }
    let mut program = ADAPTERS[0].user(&url, "alice");
    let mut unread = || {
        program.type_line("/contacts");
        program.event("contacts")["contacts"][0]["unread"].clone()
    };
    assert_eq!(unread(), 3);
    let args = ["chat", "--url", &url, "--login", "alice"];
    let asks =
        json!([["expect", "Password of alice: "], ["type", "correct:horse\r"], ["expect", "signed in as"]]);
    let chat = |steps: &Value| {
        let all: Vec<_> = [&asks, steps].into_iter().flat_map(|steps| steps.as_array().unwrap()).collect();
        let ended = on_terminal(&args, &json!(all));
        assert_eq!(ended["status"], 0, "{ended}");
        ended["output"].as_str().unwrap().to_owned()
    };
    chat(&json!([
        ["expect", "(online, 3 unread)"],
        ["expect", "number 3"],
        ["expect", "/history LOGIN"],
        ["type", "/history bob\r"],
        ["expect", "number 3"],
        // Answers come in order: the mark is set when the contacts are shown.
        ["type", "/contacts\r"],
        ["expect", "1 contact"],
        ["type", "/quit\r"],
    ]));
    assert_eq!(unread(), 0);
    let shown = chat(&json!([["type", "/contacts\r"], ["expect", "1 contact"], ["type", "/quit\r"]]));
    assert!(!shown.contains("unread"), "{shown}");
}
