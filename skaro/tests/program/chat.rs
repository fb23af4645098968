//! What the chat promises to people and programs, over each adapter. Its options and its output are a contract.

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};
use tungstenite::Message;
use tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

use crate::files::Files;
use crate::process::{ADAPTERS, Process, command, password, serve};

#[test]
fn the_chat_has_somebody_who_answers() {
    for adapter in ADAPTERS {
        let mut chat = adapter.chat(&[]);
        assert_eq!(chat.any_event(), json!({"event": "connected"}));
        let authorized = chat.any_event();
        assert_eq!(
            (&authorized["event"], &authorized["user"]["login"]),
            (&json!("authorized"), &json!("alice"))
        );
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
        assert_eq!(chat.any_event(), json!({"event": "register_type", "register_type": "open"}));
        let sent = chat.any_event();
        assert!(sent["date"].is_i64());
        let (date, position) = (&sent["date"], &sent["position"]);
        assert_eq!(
            sent,
            json!({"event": "message_sent", "to": "bob", "marker": 1, "date": date, "position": position})
        );
        let answer = chat.any_event();
        assert_eq!((&answer["event"], &answer["dialog"]), (&json!("message"), &json!("bob")));
        assert_eq!(
            (&answer["message"]["from"]["login"], &answer["message"]["to"]),
            (&json!("bob"), &json!("alice"))
        );
        assert!(!answer["message"]["body"].as_str().unwrap().is_empty());
        assert_eq!(chat.end(), (vec![], Some(0)));
    }
}

#[test]
fn without_json_the_chat_writes_plain_text() {
    for adapter in ADAPTERS {
        let mut chat = Process::start(&[&["chat"], adapter.0].concat());
        chat.type_line("hello");
        chat.type_line("/bogus");
        chat.end_of_input();
        let (text, _) = chat.rest();
        for wanted in ["alice to bob: hello\n", " bob: Hello alice!", "unknown command /bogus"] {
            assert!(text.contains(wanted), "{wanted:?} is missing:\n{text}");
        }
        assert!(!text.contains('\x1b'), "{text:?}");
    }
}

#[test]
fn two_hundred_lines_arrive_in_order() {
    for adapter in ADAPTERS {
        let (_serve, url) = serve("127.0.0.1:0");
        let mut bob = adapter.user(&url, "bob");
        let mut alice = adapter.user(&url, "alice");
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
            assert_eq!(
                sent,
                json!({"event": "message_sent", "to": "bob", "marker": n, "date": date, "position": n})
            );
            let body = format!("number {n}");
            let message =
                json!({"from": {"login": "alice"}, "to": "bob", "body": body, "date": date, "position": n});
            assert_eq!(arrived, json!({"event": "message", "dialog": "alice", "message": message}));
        }
        assert_eq!(alice.end(), (vec![], Some(0)));
    }
}

#[test]
fn refusals_are_told_with_the_type_of_the_request() {
    for adapter in ADAPTERS {
        let (_serve, url) = serve("127.0.0.1:0");
        let mut chat = adapter.chat(&["--url", &url, "--login", "alice", "--password", "wrong"]);
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
        // The first thing that went wrong, for scripts.
        assert_eq!(chat.end(), (vec![], Some(77)));
    }
}

#[test]
fn lines_that_make_no_sense_do_no_harm() {
    for adapter in ADAPTERS {
        let mut chat = adapter.chat(&[]);
        chat.event("authorized");
        let long = "x".repeat(100_000);
        for line in ["", "/", "/msg", "/msg bob", "/history bob 0", "/bogus line", "/contacts now", &long] {
            chat.type_line(line);
        }
        chat.stdin.as_mut().unwrap().write_all(b"\xff\xfe\0\n").unwrap();
        chat.type_line(&format!("/msg bob {}", "x".repeat(17_000)));
        chat.complaint("16384");
        chat.type_line("/contacts");
        chat.event("contacts");
        chat.type_line("/quit");
        assert_eq!(chat.end(), (vec![], Some(65)));
    }
}

#[cfg(unix)]
#[test]
fn a_chat_outlives_its_server() {
    for adapter in ADAPTERS {
        let (serve_1, url) = serve("127.0.0.1:0");
        let mut chats = [adapter.user(&url, "alice"), adapter.user(&url, "bob")];
        serve_1.signal("TERM");
        for chat in &mut chats {
            assert_eq!(chat.any_event()["request"], Value::Null);
            assert!(chat.any_event()["reason"].is_string());
            let first = chat.event("reconnecting");
            assert!(first["after_ms"].is_u64() && first["reason"].is_null(), "{first}");
            // Later ones tell why the attempt before failed.
            assert!(chat.event("reconnecting")["reason"].is_string());
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
}

#[cfg(unix)]
#[test]
fn people_learn_what_waits_and_not_how_the_client_signs_in_again() {
    for adapter in ADAPTERS {
        let (serve_1, url) = serve("127.0.0.1:0");
        let options = ["chat", "--url", &url, "--login", "alice", "--password", password("alice")];
        let mut chat = Process::start(&[&options[..], adapter.0].concat());
        chat.output("signed in as alice");
        serve_1.signal("TERM");
        assert_eq!(serve_1.end().1, Some(0));
        chat.output("disconnected: closed by the server with code 1001");
        chat.type_line("/msg bob said while away");
        chat.output("message #1 waits until you are signed in again");
        let (_serve_2, _) = serve(url.trim_start_matches("ws://").trim_end_matches("/skaro_client/"));
        // The server has forgotten the session, which is no failure.
        chat.output("signed in as alice");
        chat.end_of_input();
        let (text, status) = chat.rest();
        assert!(text.contains("alice to bob: said while away"), "{text}");
        assert!(!text.contains("session_restore"), "{text}");
        assert_eq!(status, Some(0), "{text}");
    }
}

#[test]
fn who_is_signed_out_learns_what_helps() {
    for adapter in ADAPTERS {
        let files = Files::new();
        let data = files.path("data");
        let user = format!("alice:{}", password("alice"));
        let options = ["serve", "--listen", "127.0.0.1:0", "--data", &data, "--user", &user];
        let mut serve = Process::start(&options);
        let url = serve.address();
        let options = ["chat", "--url", &url, "--login", "alice", "--password", password("alice")];
        let mut chat = Process::start(&[&options[..], adapter.0].concat());
        chat.output("signed in as alice");
        let new = File::open(files.write("new", "new words\n")).unwrap();
        let mut change = command(&["user", "passwd", "alice", "--data", &data]);
        assert!(change.stdin(new).status().unwrap().success());
        chat.output("the server reports an error: the password was changed: sign in with the new one");
        chat.complaint(
            "ended on purpose: authorize again, if you still may; /authorize alice PASSWORD signs in",
        );
        chat.output("connected");
        chat.type_line("/authorize alice new words");
        chat.output("signed in as alice");
        let mut disable = command(&["user", "disable", "alice", "--data", &data]);
        assert!(disable.status().unwrap().success());
        chat.output("the server reports an error: this account was disabled");
        chat.complaint("ended on purpose");
    }
}

#[cfg(unix)]
#[test]
fn a_chat_that_must_not_reconnect_ends_with_its_connection() {
    for adapter in ADAPTERS {
        let (serve, url) = serve("127.0.0.1:0");
        let mut chat = adapter.chat(&["--url", &url, "--no-reconnect"]);
        chat.event("connected");
        serve.signal("INT");
        assert_eq!(serve.end().1, Some(0));
        chat.event("disconnected");
        assert_eq!(chat.end(), (vec![], Some(75)));
    }
}

#[cfg(unix)]
#[test]
fn signals_end_a_chat_cleanly() {
    for adapter in ADAPTERS {
        let (_serve, url) = serve("127.0.0.1:0");
        for signal in ["INT", "TERM"] {
            let chat = adapter.guest(&url);
            chat.signal(signal);
            assert_eq!(chat.end(), (vec![], Some(0)));
        }
    }
}

#[test]
fn a_session_can_be_restored_by_hand() {
    for adapter in ADAPTERS {
        let (_serve, url) = serve("127.0.0.1:0");
        let mut alice = adapter.chat(&["--url", &url]);
        alice.type_line("/authorize alice correct:horse");
        let sid = alice.event("authorized")["session_id"].as_str().unwrap().to_owned();
        alice.event("caught_up");
        alice.type_line("/quit");
        assert_eq!(alice.end(), (vec![], Some(0)));
        let mut again = adapter.guest(&url);
        again.type_line(&format!("/restore {sid}"));
        assert_eq!(again.any_event(), json!({"event": "restored", "session_id": sid}));
        again.type_line("/restore made-up");
        again.complaint("somebody is signed in already");
    }
}

#[test]
fn what_a_strange_server_does_is_told() {
    for adapter in ADAPTERS {
        let url = strange_server();
        let mut chat = adapter.chat(&["--url", &url, "--request-timeout", "2", "--no-reconnect"]);
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
        let lost = json!({"event": "lost", "request": "send_message", "marker": 2, "delivery": "unknown"});
        assert_eq!(chat.any_event(), lost);
        assert_eq!(chat.end(), (vec![], Some(75)));
    }
}

/// Signs everybody in, says strange things, answers nothing else, and hangs up when it is told "bye".
pub(crate) fn strange_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut socket = tungstenite::accept(stream).unwrap();
        socket.send(Message::text(r#"{"type":"check_connection","token":"t"}"#)).unwrap();
        while let Ok(Message::Text(text)) = socket.read() {
            let request: Value = serde_json::from_str(&text).unwrap();
            if request["type"] == "authorize" {
                let answer = json!({"type": "request", "for": "authorize", "id": request["on_request"],
                    "status": "200", "session_id": "s", "user": {"login": "alice"}});
                let strange = [r#"{"type":"info","info":"hear"}"#, r#"{"type":"error","info":"oh"}"#];
                let stranger = [r#"{"type":"dance","steps":[1,2]}"#, "[nonsense"];
                for text in [&[&*answer.to_string()], &strange[..], &stranger].concat() {
                    socket.send(Message::text(text)).unwrap();
                }
            }
            if request["body"] == "bye" {
                return;
            }
        }
    });
    url
}

/// Case 26: a script wants to know.
#[test]
fn in_a_pipe_the_status_tells_the_first_failure() {
    let (_serve, url) = serve("127.0.0.1:0");
    let long = format!("/msg bob {}", "x".repeat(16_385));
    for adapter in ADAPTERS {
        for (secret, line, status) in [
            ("correct:horse", "/msg bob x", 0),
            ("wrong", "", 77),
            ("correct:horse", "/msg nobody x", 67),
            ("correct:horse", "to nobody yet", 65),
            ("correct:horse", &long, 65),
        ] {
            let args = ["chat", "--url", &url, "--login", "alice", "--password", secret];
            let mut chat = Process::start(&[&args, adapter.0].concat());
            chat.type_line(line);
            chat.end_of_input();
            assert_eq!(chat.status(), Some(status), "{line}");
        }
    }
}

/// Case 25: what a server says before anybody has signed in is shown, too.
#[test]
fn nothing_that_a_server_says_reaches_the_terminal_as_it_is() {
    let (at_once, later) = (hostile_server(false), hostile_server(true));
    let is_clean = |text: &str| {
        !text.contains(|char: char| char != '\n' && EVIL.contains(char) && !char.is_ascii_graphic())
    };
    for adapter in ADAPTERS {
        for (url, shown, status) in [(&at_once, 1, 69), (&later, 5, 75)] {
            for json in [&[][..], &["--json"]] {
                let options = ["chat", "--url", url, "--no-reconnect", "--login", "alice", "--password", "x"];
                let args = [&options[..], json, adapter.0].concat();
                let (text, ended) = Process::start(&args).rest();
                assert!(is_clean(&text), "{text:?}");
                let escaped = if json.is_empty() || shown == 1 {
                    r"\u{1b}]0;title\u{7}\u{9b}2J\u{202e}\u{200b}"
                } else {
                    r"\u001b]0;title\u0007\u009b2J\u202e\u200b"
                };
                assert!(text.matches(escaped).count() >= shown, "{text}");
                assert_eq!(ended, Some(status));
            }
        }
    }
}

/// Sets the title, clears the screen, turns the direction, hides.
pub(crate) const EVIL: &str = "\u{1b}]0;title\u{7}\u{9b}2J\u{202e}\u{200b}";

/// Says that in all ways there are, with or without a greeting before, and closes for that reason.
pub(crate) fn hostile_server(with_greeting: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut socket = tungstenite::accept(stream.unwrap()).unwrap();
            if with_greeting {
                let texts = [
                    json!({"type": "check_connection", "token": "t"}),
                    json!({"type": "info", "info": EVIL}),
                    json!({"type": "error", "info": EVIL}),
                    json!({"type": EVIL}),
                    json!({"type": "show_message", "from": {"login": EVIL}, "to": "alice", "body": EVIL}),
                ];
                for text in texts {
                    socket.send(Message::text(text.to_string())).unwrap();
                }
                // All of that has been read when the client wants to sign in.
                socket.read().unwrap();
            }
            let reason = CloseFrame { code: CloseCode::Policy, reason: EVIL.into() };
            _ = socket.close(Some(reason));
            while socket.read().is_ok() {}
        }
    });
    url
}
