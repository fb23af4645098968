//! What the examples promise to people and programs. Their options and their output are a contract.

use std::io::Write;
use std::net::TcpListener;
use std::thread;

use async_tungstenite::tungstenite::Message;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::process::{Line, Process, serve};

#[test]
fn the_chat_has_somebody_who_answers() {
    let mut chat = Process::chat(&[]);
    assert_eq!(chat.any_event(), json!({"event": "connected"}));
    let authorized = chat.any_event();
    assert_eq!((&authorized["event"], &authorized["user"]["login"]), (&json!("authorized"), &json!("alice")));
    assert!(!authorized["session_id"].as_str().unwrap().is_empty());
    for line in ["/contacts", "/history bob", "/register-type", "/msg bob hello"] {
        chat.type_line(line);
    }
    chat.end_of_input();
    let contacts = chat.any_event();
    assert_eq!(contacts["event"], "contacts");
    let bob = contacts["contacts"].as_array().unwrap().iter().find(|user| user["login"] == "bob");
    assert_eq!(bob.unwrap()["online"], true);
    let history = chat.any_event();
    assert_eq!((&history["event"], &history["login"]), (&json!("history"), &json!("bob")));
    let said = history["history"].as_array().unwrap();
    assert!(said.iter().any(|message| message["from"]["login"] == "bob" && message["date"].is_i64()));
    assert_eq!(chat.any_event(), json!({"event": "register_type", "register_type": "closed"}));
    let sent = chat.any_event();
    assert!(sent["date"].is_i64());
    assert_eq!(sent, json!({"event": "message_sent", "to": "bob", "marker": 1, "date": sent["date"]}));
    let answer = chat.any_event();
    assert_eq!((&answer["event"], &answer["dialog"]), (&json!("message"), &json!("bob")));
    assert_eq!(
        (&answer["message"]["from"]["login"], &answer["message"]["to"]),
        (&json!("bob"), &json!("alice"))
    );
    assert!(!answer["message"]["body"].as_str().unwrap().is_empty());
    assert_eq!(chat.end(), (vec![], Some(0)));
}

#[test]
fn without_json_the_chat_writes_plain_text() {
    let mut chat = Process::start("chat", &[]);
    chat.type_line("hello");
    chat.type_line("/bogus");
    chat.end_of_input();
    let mut text = String::new();
    while let Some(Line::Output(line) | Line::Complaint(line)) = chat.next("line") {
        text += &line;
        text.push('\n');
    }
    for wanted in ["[bob] alice: hello\n", "[bob] bob: Hello alice!", "/bogus is no command"] {
        assert!(text.contains(wanted), "{wanted:?} is missing:\n{text}");
    }
    assert!(!text.contains('\x1b'), "{text:?}");
}

#[test]
fn two_hundred_lines_arrive_in_order() {
    let (_serve, url) = serve("127.0.0.1:0");
    let mut bob = Process::user(&url, "bob");
    let mut alice = Process::user(&url, "alice");
    alice.type_line("/to bob");
    for n in 1..=200 {
        // Plain lines count as well.
        alice.type_line(&if n % 2 == 0 { format!("number {n}") } else { format!("/msg bob number {n}") });
    }
    alice.end_of_input();
    for n in 1..=200 {
        let sent = alice.any_event();
        let arrived = bob.any_event();
        let date = &sent["date"];
        assert_eq!(sent, json!({"event": "message_sent", "to": "bob", "marker": n, "date": date}));
        let message =
            json!({"from": {"login": "alice"}, "to": "bob", "body": format!("number {n}"), "date": date});
        assert_eq!(arrived, json!({"event": "message", "dialog": "alice", "message": message}));
    }
    assert_eq!(alice.end(), (vec![], Some(0)));
}

#[test]
fn refusals_are_told_with_the_type_of_the_request() {
    let (_serve, url) = serve("127.0.0.1:0");
    let mut chat = Process::chat(&["--url", &url, "--login", "alice", "--password", "wrong"]);
    let refused = chat.event("info");
    assert_eq!(refused["request"], "authorize");
    assert!(!refused["info"].as_str().unwrap().is_empty());
    // Nobody is signed in; that is for the user to see, not for programs.
    chat.type_line("/msg bob hello");
    chat.complaint("send_message #1");
    chat.type_line("/authorize alice correct:horse");
    assert_eq!(chat.any_event()["event"], "authorized");
    chat.type_line("/msg nobody hello");
    let refused = chat.any_event();
    assert_eq!((&refused["event"], &refused["request"]), (&json!("info"), &json!("send_message")));
    chat.type_line("/msg bob hello");
    assert_eq!(chat.any_event()["marker"], 3);
    chat.end_of_input();
    assert_eq!(chat.end(), (vec![], Some(0)));
}

#[test]
fn lines_that_make_no_sense_do_no_harm() {
    let mut chat = Process::chat(&[]);
    chat.event("authorized");
    let long = "x".repeat(100_000);
    for line in ["", "/", "/msg", "/msg bob", "/history", "/bogus line", "/contacts now", &long] {
        chat.type_line(line);
    }
    chat.stdin.as_mut().unwrap().write_all(b"\xff\xfe\0\n").unwrap();
    chat.type_line(&format!("/msg bob {}", "x".repeat(17_000)));
    chat.complaint("16384");
    chat.type_line("/contacts");
    assert_eq!(chat.any_event()["event"], "contacts");
    chat.type_line("/quit");
    assert_eq!(chat.end(), (vec![], Some(0)));
}

#[cfg(unix)]
#[test]
fn a_chat_outlives_its_server() {
    let (serve_1, url) = serve("127.0.0.1:0");
    let mut chats = [Process::user(&url, "alice"), Process::user(&url, "bob")];
    serve_1.signal("TERM");
    for chat in &mut chats {
        assert_eq!(chat.any_event()["request"], Value::Null);
        assert!(chat.any_event()["reason"].is_string());
        assert!(chat.event("reconnecting")["after_ms"].is_u64());
    }
    let (_, status) = serve_1.end();
    assert_eq!(status, Some(0));
    chats[0].type_line("/msg bob said while away");
    let (_serve_2, url_2) = serve(url.trim_start_matches("ws://").trim_end_matches("/skaro_client/"));
    assert_eq!(url, url_2);
    for chat in &mut chats {
        chat.event("connected");
        // The server has forgotten the session, so the chat signs in anew.
        chat.event("authorized");
    }
    assert_eq!(chats[0].event("message_sent")["marker"], 1);
    let [alice, bob] = &mut chats;
    // If bob was later, that message waits in the history. This one arrives.
    alice.type_line("/msg bob hello again");
    assert_eq!(alice.event("message_sent")["marker"], 2);
    while bob.event("message")["message"]["body"] != "hello again" {}
    for mut chat in chats {
        chat.end_of_input();
        assert_eq!(chat.end().1, Some(0));
    }
}

#[cfg(unix)]
#[test]
fn a_chat_that_must_not_reconnect_ends_with_its_connection() {
    let (serve, url) = serve("127.0.0.1:0");
    let mut chat = Process::chat(&["--url", &url, "--no-reconnect"]);
    chat.event("connected");
    serve.signal("INT");
    assert_eq!(serve.end().1, Some(0));
    chat.event("disconnected");
    assert_eq!(chat.end(), (vec![], Some(1)));
}

#[cfg(unix)]
#[test]
fn signals_end_a_chat_cleanly() {
    let (_serve, url) = serve("127.0.0.1:0");
    for signal in ["INT", "TERM"] {
        let chat = Process::guest(&url);
        chat.signal(signal);
        assert_eq!(chat.end(), (vec![], Some(0)));
    }
}

#[test]
fn a_session_can_be_restored_by_hand() {
    let (_serve, url) = serve("127.0.0.1:0");
    let mut alice = Process::chat(&["--url", &url]);
    alice.type_line("/authorize alice correct:horse");
    let sid = alice.event("authorized")["session_id"].as_str().unwrap().to_owned();
    alice.type_line("/quit");
    assert_eq!(alice.end(), (vec![], Some(0)));
    let mut again = Process::guest(&url);
    again.type_line(&format!("/restore {sid}"));
    assert_eq!(again.any_event(), json!({"event": "restored", "session_id": sid}));
    again.type_line("/restore made-up");
    again.complaint("somebody is signed in already");
}

#[test]
fn what_a_strange_server_does_is_told() {
    let url = strange_server();
    let mut chat = Process::chat(&["--url", &url, "--request-timeout", "0.3", "--no-reconnect"]);
    chat.type_line("/authorize alice correct horse");
    chat.event("authorized");
    assert_eq!(chat.any_event(), json!({"event": "info", "info": "hear", "request": null}));
    assert_eq!(chat.any_event(), json!({"event": "error", "info": "oh"}));
    let unknown = json!({"type": "dance", "steps": [1, 2]});
    assert_eq!(chat.any_event(), json!({"event": "unknown", "type": "dance", "message": unknown}));
    let nonsense = chat.any_event();
    assert_eq!(nonsense["event"], "protocol_error");
    assert!(nonsense["reason"].is_string());
    chat.type_line("/contacts");
    assert_eq!(chat.any_event(), json!({"event": "timed_out", "request": "get_contacts"}));
    chat.type_line("/msg bob hello");
    assert_eq!(chat.any_event(), json!({"event": "timed_out", "request": "send_message", "marker": 1}));
    chat.type_line("/msg bob bye");
    assert_eq!(chat.any_event()["event"], "disconnected");
    assert_eq!(chat.any_event(), json!({"event": "lost", "request": "send_message", "marker": 2}));
    assert_eq!(chat.end(), (vec![], Some(1)));
}

/// Signs everybody in, says strange things, answers nothing else, and hangs up when it is told "bye".
fn strange_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        async_std::task::block_on(async {
            let stream = async_std::net::TcpStream::from(stream);
            let mut socket = async_tungstenite::accept_async(stream).await.unwrap();
            socket.send(Message::text(r#"{"type":"check_connection","token":"t"}"#)).await.unwrap();
            while let Some(Ok(Message::Text(text))) = socket.next().await {
                let request: Value = serde_json::from_str(&text).unwrap();
                if request["type"] == "authorize" {
                    let answer = json!({"type": "request", "for": "authorize", "id": request["on_request"],
                        "status": "200", "session_id": "s", "user": {"login": "alice"}});
                    let strange = [r#"{"type":"info","info":"hear"}"#, r#"{"type":"error","info":"oh"}"#];
                    let stranger = [r#"{"type":"dance","steps":[1,2]}"#, "[nonsense"];
                    for text in [&[&*answer.to_string()], &strange[..], &stranger].concat() {
                        socket.send(Message::text(text)).await.unwrap();
                    }
                }
                if request["body"] == "bye" {
                    return;
                }
            }
        });
    });
    url
}

#[test]
fn what_can_not_be_done_ends_with_a_reason() {
    let (_serve, url) = serve("127.0.0.1:0");
    let address = url.trim_start_matches("ws://").trim_end_matches("/skaro_client/");
    let twice = ["--user", "alice:a", "--user", "alice:b"];
    let cases: [(&str, &[&str], &str); 8] = [
        ("serve", &["--listen", address], "can't listen"),
        ("serve", &["--user", "alice"], "LOGIN:PASSWORD"),
        ("serve", &["--user", ":secret"], "at least one character"),
        ("serve", &twice, "already"),
        (crate::CHAT, &["--url", "ws://127.0.0.1:1/"], "can't reach 127.0.0.1:1"),
        (crate::CHAT, &["--url", "nowhere"], "\"nowhere\" is no URL"),
        (crate::CHAT, &["--url", &url, "--login", "alice"], "there is no password"),
        (crate::CHAT, &["--request-timeout", "soon"], "not a number"),
    ];
    for (example, args, reason) in cases {
        let mut process = Process::start(example, args);
        process.complaint(reason);
        assert_eq!(process.end(), (vec![], Some(1)));
    }
}
