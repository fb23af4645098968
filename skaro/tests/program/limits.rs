//! What the operator allows clients to cost.

use std::net::TcpStream;

use serde_json::{Value, json};
use tungstenite::client::{IntoClientRequest, client};
use tungstenite::{Message, WebSocket};

use crate::process::{ADAPTERS, Process};

const SERVE: [&str; 8] =
    ["serve", "--memory", "--listen", "127.0.0.1:0", "--user", "alice:correct:horse", "--format", "json"];

#[test]
fn connections_have_a_limit() {
    let mut server =
        Process::start(&[&SERVE[..], &["--max-connections", "1", "--max-memory", "64M"]].concat());
    let url = server.address();
    let _alice = ADAPTERS[0].user(&url, "alice");
    for adapter in ADAPTERS {
        assert_eq!(adapter.chat(&["--url", &url]).end().1, Some(69));
    }
}

/// Wrong passwords slow down the address from which they come, which is not the proxy's.
#[test]
fn behind_a_proxy_its_header_tells_addresses() {
    for (option, header, one, other) in [
        ("x-forwarded-for", "X-Forwarded-For", "192.0.2.1", "192.0.2.2"),
        ("forwarded", "Forwarded", "for=192.0.2.1", "for=\"[2001:db8::1]\""),
    ] {
        let mut server = Process::start(&[&SERVE[..], &["--trust-proxy", option]].concat());
        let url = server.address();
        // After ten wrong passwords a connection is closed, and the next ones have to wait: a second at first, which
        // may pass on a busy machine, and twice as long after each that did not have to.
        let mut connection = None;
        let has_to_wait = (0..20).any(|guess| {
            if guess % 9 == 0 {
                connection = Some(connect(&url, header, one));
            }
            status_of_guess(connection.as_mut().unwrap()) == "429"
        });
        assert!(has_to_wait);
        assert_eq!(status_of_guess(&mut connect(&url, header, other)), "401");
    }
}

fn connect(url: &str, header: &'static str, value: &'static str) -> WebSocket<TcpStream> {
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert(header, value.parse().unwrap());
    let address = request.uri().authority().unwrap().as_str().to_owned();
    let mut socket = client(request, TcpStream::connect(address).unwrap()).unwrap().0;
    assert!(socket.read().unwrap().is_text(), "the server speaks first");
    socket
}

fn status_of_guess(socket: &mut WebSocket<TcpStream>) -> Value {
    let request =
        json!({"type": "authorize", "login": "alice", "password": "0".repeat(128), "on_request": 1});
    socket.send(Message::text(request.to_string())).unwrap();
    let answer: Value = serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap();
    answer["status"].clone()
}
