//! Nobody can knock the server over: what peers did to it, with the smallest input that showed it, and what it costs now.
//!
//! Memory is counted by the allocator, work in bytes that are asked for.

mod logs;
mod memory;
mod strangers;
mod work;

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value as Json;
use skaro_proto::client::{self, Client};
use skaro_proto::server::{AcceptError, ConnectionId, Peer, Rate, Server, ServerConfig};
use skaro_proto::{CloseCode, Format, Frame, Time, Transmit, auth};

const PASSWORD: &str = "correct horse";

/// A server with its time.
struct World {
    server: Server,
    now: Time,
}

impl World {
    fn new(config: ServerConfig, users: usize) -> World {
        let mut server = Server::new(config, [7; 32]);
        (0..users).for_each(|n| server.add_user(&user(n), PASSWORD).unwrap());
        World { server, now: Time::from_secs(1_000_000) }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.server.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.server.handle_timeout(self.now);
        }
        self.now = end;
        self.server.handle_timeout(end);
    }

    fn accept(&mut self, address: &str) -> Result<ConnectionId, AcceptError> {
        self.server.handle_accepted(self.now, address.parse::<IpAddr>().unwrap().into())
    }

    /// A connection whose handshake is done, and the server's token.
    fn connect(&mut self, address: &str) -> (ConnectionId, String) {
        let id = self.accept(address).unwrap();
        self.server.handle_connected(self.now, id, Some(Format::Json));
        let challenge = self.read(id);
        (id, challenge[0]["token"].as_str().unwrap().to_owned())
    }

    /// What the server sends, all of it.
    fn read(&mut self, id: ConnectionId) -> Vec<Json> {
        let mut all = Vec::new();
        while let Some(transmit) = self.server.poll_transmit(id) {
            all.push(match transmit {
                Transmit::Frame(frame) => serde_json::from_slice(frame.as_bytes()).unwrap(),
                other => Json::String(format!("{other:?}")),
            });
        }
        all
    }

    fn send(&mut self, id: ConnectionId, frame: &str) {
        _ = self.server.handle_frame(self.now, id, Frame::Text(frame));
    }

    fn ask(&mut self, id: ConnectionId, frame: &str) -> Json {
        self.send(id, frame);
        self.read(id).into_iter().next().unwrap_or(Json::Null)
    }

    fn authorize(&mut self, id: ConnectionId, token: &str, login: &str, password: &str) -> Json {
        let proof = auth::proof(password, token);
        self.ask(
            id,
            &format!(r#"{{"type":"authorize","on_request":1,"login":"{login}","password":"{proof}"}}"#),
        )
    }

    fn sign_in(&mut self, address: &str, login: &str) -> ConnectionId {
        let (id, token) = self.connect(address);
        assert_eq!(self.authorize(id, &token, login, PASSWORD)["status"], "200");
        id
    }
}

fn user(n: usize) -> String {
    format!("user{n}")
}

fn message(to: &str, body: &str) -> String {
    format!(r#"{{"type":"send_message","on_request":1,"to":"{to}","body":"{body}"}}"#)
}

fn history(of: &str) -> String {
    format!(r#"{{"type":"get_history","on_request":1,"login":"{of}"}}"#)
}

/// Case 17: a clock that was put right by a year left messages a year back until the restart.
#[test]
fn dates_follow_the_clock_in_either_direction() {
    const YEAR: i64 = 365 * 24 * 3600 * 1000;
    const TODAY: i64 = 1_718_000_000_000;
    let mut world = World::new(ServerConfig::default(), 3);
    let post = |world: &mut World, unix: i64, to: &str| {
        world.pass(Duration::from_secs(1));
        world.server.set_time_of_day(world.now, unix);
        world.server.post(world.now, "user0", to, "x").unwrap()
    };
    // It goes forward,
    assert_eq!(post(&mut world, TODAY - YEAR, "user1"), TODAY - YEAR);
    assert_eq!(post(&mut world, TODAY, "user1"), TODAY);
    // also by itself,
    world.pass(Duration::from_secs(5));
    assert_eq!(world.server.post(world.now, "user0", "user1", "x").unwrap(), TODAY + 5000);
    // a year too far, and back: the dates of this dialog go on from there, those of others are right.
    assert_eq!(post(&mut world, TODAY + YEAR, "user1"), TODAY + YEAR);
    assert_eq!(post(&mut world, TODAY + 10_000, "user1"), TODAY + YEAR + 1);
    assert_eq!(post(&mut world, TODAY + 11_000, "user1"), TODAY + YEAR + 2);
    assert_eq!(post(&mut world, TODAY + 12_000, "user2"), TODAY + 12_000);
    assert_eq!(post(&mut world, TODAY + YEAR + 13_000, "user1"), TODAY + YEAR + 13_000);
    // Nonsense is no harm.
    assert!(post(&mut world, i64::MIN, "user2") > TODAY);
    assert_eq!(post(&mut world, i64::MAX, "user2"), i64::MAX);
}

#[test]
fn logins_of_conferences_are_reserved() {
    let mut world = World::new(ServerConfig::default(), 0);
    let error = world.server.add_user("#rust", "x").unwrap_err();
    assert!(error.to_string().contains("choose another"), "{error}");
}
