//! Users who register, find each other, and meet in a conference.

use std::time::Duration;

use serde_json::{Value, json};
use skaro_proto::message::Registration;
use skaro_proto::server::{Server as Machine, ServerConfig};
use skaro_tokio::Server;
use tokio::runtime::Runtime;

use crate::files::Files;
use crate::process::{ADAPTERS, Adapter, Process};
use crate::proxy::proxy;
#[cfg(unix)]
use crate::{process::PROGRAM, view::Tmux};

/// A server at which anybody may register and found conferences, until this is dropped.
struct House {
    url: String,
    files: Files,
    _server: Server,
    _runtime: Runtime,
}

impl House {
    fn open() -> House {
        let mut config = ServerConfig::default();
        config.registration = Registration::Open;
        config.registrations_per_address = None;
        config.users_found_conferences = true;
        let runtime = Runtime::new().unwrap();
        let machine = Machine::new(config, [7; 32]);
        let server = runtime.block_on(Server::bind("127.0.0.1:0", machine)).unwrap();
        House { url: server.url(), files: Files::new(), _server: server, _runtime: runtime }
    }

    /// The options of a user, whose password is in a file.
    fn options(&self, login: &str) -> Vec<String> {
        let file = self.files.write(&format!("password-{login}"), &format!("secret of {login}"));
        ["--url", &self.url, "--login", login, "--password-file", &file].map(String::from).into()
    }

    /// A new user.
    fn newcomer(&self, adapter: Adapter, login: &str) -> Process {
        let options = self.options(login);
        let options: Vec<_> = options.iter().map(String::as_str).chain(["--register"]).collect();
        let mut chat = adapter.chat(&options);
        assert_eq!(chat.event("done"), json!({"event": "done", "request": "register"}));
        chat.event("authorized");
        chat
    }
}

/// Types a command, which is carried out.
fn done(chat: &mut Process, command: &Value) {
    chat.type_line(&command.to_string());
    let end = chat.event_of(&["done", "info", "rejected"]);
    assert_eq!(end, json!({"event": "done", "request": command["command"]}), "{command}");
}

/// Types a command; its end, which must be this event.
fn ask(chat: &mut Process, command: &Value, event: &str) -> Value {
    chat.type_line(&command.to_string());
    let end = chat.event_of(&[event, "info", "rejected"]);
    assert_eq!(end["event"], event, "{command}: {end}");
    end
}

#[test]
fn two_users_meet_in_a_conference() {
    for adapter in ADAPTERS {
        let house = House::open();
        let mut alice = house.newcomer(adapter, "alice");
        let mut bob = house.newcomer(adapter, "bob");
        let name = json!({"command": "update_my_data", "profile": {"name": "Bob \u{1b}[2J", "n": [1, -1]}});
        done(&mut bob, &name);
        done(&mut alice, &json!({"command": "add_contact", "login": "#team"}));
        assert_eq!(alice.event("contact")["state"], "listed");
        done(&mut alice, &json!({"command": "add_contact", "login": "#team", "member": "bob"}));
        let asks = bob.event("contact");
        assert_eq!((&asks["login"], &asks["state"]), (&json!("#team"), &json!("asks")));
        // Lines and commands are the same.
        bob.type_line("/join team");
        bob.event("done");
        let joined = alice.event("changed_user_data");
        assert_eq!(
            (&joined["user"]["login"], &joined["member"], &joined["state"]),
            (&json!("#team"), &json!("bob"), &json!("listed"))
        );
        bob.type_line(&json!({"command": "typing", "login": "#team"}).to_string());
        let from = json!({"login": "bob", "in_conference": "#team"});
        assert_eq!(alice.event("typing"), json!({"event": "typing", "from": from}));
        bob.type_line("/msg #team lunch?");
        let message = alice.event("message");
        assert_eq!((&message["dialog"], &message["message"]["from"]), (&json!("#team"), &from));
        alice.type_line("/to #team");
        alice.type_line("/topic lunch");
        assert_eq!(alice.event_of(&["done", "info"])["event"], "done");
        loop {
            let changed = bob.event("changed_user_data");
            if changed["user"]["profile"]["status_text"] == "lunch" {
                break;
            }
        }
        let team = ask(&mut bob, &json!({"command": "get_user_data", "login": "#team"}), "user_data");
        assert_eq!(team["user"]["members"], json!([{"login": "alice", "owner": true}, {"login": "bob"}]));
        alice.type_line("/kick bob");
        alice.event("done");
        assert_eq!(alice.event("changed_user_data")["state"], "none");
        loop {
            let change = bob.event("contact");
            if change["state"] == "none" {
                break;
            }
        }
        bob.type_line("/msg #team hello?");
        assert_eq!(bob.event("info")["request"], "send_message");
    }
}

/// Waits until it is told that bob has come, or has gone.
fn until_online(chat: &mut Process, online: bool) {
    loop {
        let changed = chat.event("changed_user_data");
        if changed["position"].is_null() && changed["user"] == json!({"login": "bob", "online": online}) {
            return;
        }
    }
}

#[test]
fn contacts_know_when_somebody_comes_and_has_read() {
    let house = House::open();
    let mut alice = house.newcomer(ADAPTERS[0], "alice");
    let mut bob = house.newcomer(ADAPTERS[1], "bob");
    for chat in [&mut alice, &mut bob] {
        chat.type_line("/tells-read on");
        chat.event("done");
    }
    done(&mut bob, &json!({"command": "update_my_data", "profile": {"public": true, "name": "Bob"}}));
    let found = ask(&mut alice, &json!({"command": "search_contacts", "prefix": "b"}), "found");
    assert_eq!((&found["data"][0]["login"], &found["more"]), (&json!("bob"), &json!(false)));
    done(&mut alice, &json!({"command": "add_contact", "login": "bob"}));
    let asks = bob.event("contact");
    assert_eq!((&asks["login"], &asks["state"]), (&json!("alice"), &json!("asks")));
    bob.type_line("/add alice");
    bob.event("done");
    alice.type_line("/msg bob hi");
    let date = alice.event("message_sent")["date"].clone();
    let position = bob.event("message")["message"]["position"].clone();
    ask(&mut bob, &json!({"command": "read", "login": "alice", "up_to": position}), "marked");
    assert_eq!(alice.event("read_by"), json!({"event": "read_by", "login": "bob", "date": date}));
    bob.type_line("/quit");
    bob.status();
    // Longer than the server waits until it tells that somebody has gone, who may be back at once.
    std::thread::sleep(Duration::from_secs(3));
    let options = house.options("bob");
    let bob = ADAPTERS[1].chat(&options.iter().map(String::as_str).collect::<Vec<_>>());
    until_online(&mut alice, true);
    drop(bob);
    until_online(&mut alice, false);
    alice.type_line("/block bob");
    alice.event("done");
    let states = |state: &str| json!({"event": "contact", "login": "bob", "state": state});
    let mut blocked = alice.event("contact");
    while blocked["state"] != "blocked" {
        blocked = alice.event("contact");
    }
    blocked.as_object_mut().unwrap().remove("position");
    assert_eq!(blocked, states("blocked"));
}

#[test]
fn a_password_and_sessions_are_the_users_own() {
    for adapter in ADAPTERS {
        let house = House::open();
        let mut alice = house.newcomer(adapter, "alice");
        let options = house.options("alice");
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        // The login is taken.
        let mut again = adapter.chat(&[&options[..], &["--register"]].concat());
        again.end_of_input();
        let (events, status) = again.end();
        assert_eq!(status, Some(65));
        assert!(events.iter().any(|event| event["request"] == "register"), "{events:?}");
        let mut other = adapter.chat(&options);
        other.event("authorized");
        let sessions = ask(&mut alice, &json!({"command": "get_sessions"}), "sessions");
        assert_eq!(sessions["sessions"].as_array().unwrap().len(), 2, "{sessions}");
        let change = |old: &str| {
            let (command, password) = ("update_my_data", "new words");
            json!({"command": command, "old_password": old, "password": password, "end_sessions": true})
        };
        alice.type_line(&change("wrong").to_string());
        assert_eq!(alice.event("info")["request"], "update_my_data");
        done(&mut alice, &change("secret of alice"));
        other.event("disconnected");
        let sessions = ask(&mut alice, &json!({"command": "get_sessions"}), "sessions");
        assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "{sessions}");
        alice.type_line("/signout");
        alice.event("done");
        alice.event("connected");
        alice.type_line("/authorize alice new words");
        alice.event("authorized");
    }
}

/// Over a connection that others can read no password is sent.
#[test]
fn no_password_leaves_over_a_proxy() {
    let house = House::open();
    let address = house.url.trim_start_matches("ws://").split('/').next().unwrap().to_owned();
    let proxy = proxy(&address, Ok(address.clone()));
    let mut options = house.options("alice");
    options.extend(["--proxy".into(), proxy, "--register".into()]);
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let mut chat = ADAPTERS[0].chat(&options);
    chat.complaint("not confidential");
    chat.end_of_input();
    assert_eq!(chat.status(), Some(64));
}

/// What a person sees of all that, in the view.
#[cfg(unix)]
#[test]
fn a_person_sees_who_is_who() {
    let house = House::open();
    drop(house.newcomer(ADAPTERS[0], "alice"));
    let mut bob = house.newcomer(ADAPTERS[0], "bob");
    done(&mut bob, &json!({"command": "update_my_data", "profile": {"name": "Bob\u{1b}]0;x\u{7}"}}));
    done(&mut bob, &json!({"command": "add_contact", "login": "#team"}));
    done(&mut bob, &json!({"command": "add_contact", "login": "#team", "member": "alice"}));
    let options: Vec<_> = house.options("alice").iter().map(|option| format!("'{option}'")).collect();
    let Some(tmux) = Tmux::start(80, 14, &format!("'{PROGRAM}' chat {}", options.join(" "))) else { return };
    // Who was invited before learns it, too.
    tmux.shows("#team invites you: /join #team accepts");
    tmux.shows(" ? #team");
    tmux.types("/join #team");
    tmux.press("Enter");
    tmux.shows("to #team>");
    done(&mut bob, &json!({"command": "add_contact", "login": "alice"}));
    tmux.shows("bob asks to be your contact: /add bob accepts");
    tmux.shows(" ? bob");
    bob.type_line(&json!({"command": "typing", "login": "#team"}).to_string());
    tmux.shows("bob is typing…");
    bob.type_line("/msg #team lunch?");
    let screen = tmux.shows(r#"00:00 bob "Bob\u{1b}]0;x\u{7}": lunch?"#);
    assert!(!screen.contains("typing"), "{screen}");
    tmux.types("/add bob");
    tmux.press("Enter");
    tmux.shows("● bob");
    tmux.types("soo");
    let typing = bob.event("typing");
    assert_eq!(typing["from"], json!({"login": "alice", "in_conference": "#team"}));
    tmux.types("n");
    tmux.press("Enter");
    assert_eq!(bob.event("message")["message"]["body"], "soon");
    // A slip is no dialog.
    tmux.types("/to bbo");
    tmux.press("Enter");
    tmux.shows("there is no bbo");
    tmux.until("prompt without a name", |screen| screen.trim_end().ends_with("\n>"));
}

/// A new password is typed twice, and an old one is never shown.
#[cfg(unix)]
#[test]
fn passwords_are_asked_for() {
    let house = House::open();
    for plain in ["", "--plain"] {
        let login = if plain.is_empty() { "zoe" } else { "zed" };
        let script = format!("'{PROGRAM}' chat {plain} --url {} --login {login} --register", house.url);
        let Some(tmux) = Tmux::start(80, 20, &script) else { return };
        tmux.shows(&format!("Password of {login}:"));
        tmux.types("first");
        tmux.press("Enter");
        tmux.shows(&format!("Password of {login}, again:"));
        tmux.types("first");
        tmux.press("Enter");
        tmux.shows(&format!("signed in as {login}"));
        tmux.types("/password");
        tmux.press("Enter");
        for (question, answer) in
            [("Old password:", "first"), ("New password:", "second"), ("New password, again:", "second")]
        {
            tmux.shows(question);
            tmux.types(answer);
            tmux.shows(&"*".repeat(answer.len()));
            tmux.press("Enter");
        }
        let screen = tmux.shows("your password is changed");
        assert!(!screen.contains("first") && !screen.contains("second"), "{screen}");
    }
}
