//! The extension `people` on the server's side: registering, contacts, profiles, conferences, presence, signing out.

mod accounts;
mod conferences;
mod contacts;
mod messages;
mod presence;
mod sessions;

use std::time::Duration;

use serde_json::{Value as Json, json};
use skaro_proto::server::{ConnectionId, Peer, Server, ServerConfig};
use skaro_proto::{Format, Frame, Time, Transmit, auth};

/// A server with a few users, whose passwords are their logins, and a clock.
struct World {
    server: Server,
    now: Time,
    number: u64,
    /// What came with the answers to those who have signed in.
    early: Vec<(ConnectionId, Vec<Json>)>,
}

impl World {
    fn new() -> World {
        let mut config = ServerConfig::default();
        config.users_found_conferences = true;
        World::with(config)
    }

    fn with(config: ServerConfig) -> World {
        let mut server = Server::new(config, [7; 32]);
        for login in ["alice", "bob", "carol", "dave"] {
            server.add_user(login, login).unwrap();
        }
        World { server, now: Time::from_secs(1), number: 1, early: Vec::new() }
    }

    /// Lets time pass.
    fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.server.handle_timeout(self.now);
    }

    fn connect(&mut self, peer: Peer) -> (ConnectionId, String) {
        let id = self.server.handle_accepted(self.now, peer).unwrap();
        self.server.handle_connected(self.now, id, Some(Format::Json));
        let challenge = self.hear(id).remove(0);
        assert_eq!(challenge["extensions"], json!(["log", "people"]));
        (id, challenge["token"].as_str().unwrap().to_owned())
    }

    fn sign_in(&mut self, login: &str, more: &Json) -> ConnectionId {
        self.sign_in_with(login, login, more).unwrap()
    }

    /// Signs in over a loopback connection; the status if that is refused.
    fn sign_in_with(&mut self, login: &str, password: &str, more: &Json) -> Result<ConnectionId, String> {
        let (id, token) = self.connect([127, 0, 0, 1].into());
        let proof = auth::proof(password, &token);
        let mut request = json!({"type": "authorize", "login": login, "password": proof});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.number += 1;
        request["on_request"] = self.number.into();
        self.say(id, &request);
        // Entries that come right behind the answer wait to be heard.
        let mut heard = self.hear(id);
        let answer = heard.remove(0);
        self.early.push((id, heard));
        if answer["status"] == "200" { Ok(id) } else { Err(answer["status"].as_str().unwrap().to_owned()) }
    }

    /// Signs in with a cursor at the head of the log, and hears of presence.
    fn device(&mut self, login: &str) -> ConnectionId {
        self.sign_in(login, &json!({"since": "head", "presence": true}))
    }

    fn say(&mut self, id: ConnectionId, message: &Json) {
        self.server.handle_frame(self.now, id, Frame::Text(&message.to_string())).unwrap();
    }

    fn hear(&mut self, id: ConnectionId) -> Vec<Json> {
        let mut all = Vec::new();
        while let Some(transmit) = self.server.poll_transmit(id) {
            all.push(match transmit {
                Transmit::Frame(frame) => serde_json::from_slice(frame.as_bytes()).unwrap(),
                Transmit::Ping => continue,
                other => format!("{other:?}").into(),
            });
        }
        all
    }

    /// Makes a request, and returns its answer. What else comes before it is lost.
    fn ask(&mut self, id: ConnectionId, request: &Json) -> Json {
        self.number += 1;
        let mut request = request.clone();
        request["on_request"] = self.number.into();
        self.say(id, &request);
        let number = self.number;
        let answer = self.hear(id).into_iter().find(|message| message["id"] == number);
        answer.unwrap_or_else(|| panic!("no answer to {request}"))
    }

    fn status(&mut self, id: ConnectionId, request: &Json) -> String {
        self.ask(id, request)["status"].as_str().unwrap().to_owned()
    }

    /// Makes requests that succeed.
    fn done(&mut self, id: ConnectionId, requests: &[Json]) {
        for request in requests {
            let answer = self.ask(id, request);
            assert_eq!(answer["status"], "200", "{request}: {answer}");
        }
    }

    fn user(&mut self, id: ConnectionId, login: &str) -> Json {
        self.ask(id, &json!({"type": "get_user_data", "login": login}))["user"].clone()
    }

    /// What comes, with acknowledgements of all entries.
    fn news(&mut self, id: ConnectionId) -> Vec<Json> {
        let mut news = Vec::new();
        loop {
            let early = self.early.iter_mut().find(|(of, _)| *of == id);
            let mut heard = early.map(|(_, early)| std::mem::take(early)).unwrap_or_default();
            heard.extend(self.hear(id));
            let Some(position) = heard.iter().filter_map(|message| message["position"].as_u64()).max() else {
                news.extend(heard);
                return news;
            };
            news.extend(heard);
            self.say(id, &json!({"type": "ack", "position": position}));
        }
    }

    /// The types and most telling fields of what comes.
    fn lines(&mut self, id: ConnectionId) -> Vec<String> {
        self.news(id).iter().map(line).collect()
    }
}

fn line(message: &Json) -> String {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let kind = text(&message["type"]);
    match &*kind {
        "show_message" => format!("{}: {}", text(&message["from"]["login"]), text(&message["body"])),
        "contact" => format!("contact {} {}", text(&message["login"]), text(&message["state"])),
        "changed_user_data" => {
            let user = &message["user"];
            let rest = [&user["online"], &user["profile"], &message["member"], &message["state"]];
            let rest: Vec<_> =
                rest.iter().filter(|value| !value.is_null()).map(|value| value.to_string()).collect();
            format!("changed {} {}", text(&user["login"]), rest.join(" "))
        }
        _ => kind,
    }
}

fn add(login: &str) -> Json {
    json!({"type": "add_contact", "login": login})
}

fn block(login: &str) -> Json {
    json!({"type": "add_contact", "login": login, "blocked": true})
}

fn del(login: &str) -> Json {
    json!({"type": "del_contact", "login": login})
}

fn member(kind: &str, conference: &str, member: &str) -> Json {
    json!({"type": kind, "login": conference, "member": member})
}

fn send(to: &str, body: &str) -> Json {
    json!({"type": "send_message", "to": to, "body": body})
}

fn profile(changes: Json) -> Json {
    json!({"type": "update_my_data", "profile": changes})
}
