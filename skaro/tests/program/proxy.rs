//! Clients that reach their server by a proxy.

use std::io::{BufRead, BufReader, Write, copy};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::process::{ADAPTERS, Process, password, serve};

#[test]
fn servers_are_reached_by_a_proxy() {
    let (_serve, url) = serve("127.0.0.1:0");
    let address = url.trim_start_matches("ws://").split('/').next().unwrap().to_owned();
    // A name that only the proxy knows.
    let hidden = "ws://only.the.proxy.knows.invalid:1/";
    let proxy = proxy("only.the.proxy.knows.invalid:1", Ok(address));
    let mut bob = ADAPTERS[0].user(&url, "bob");
    let to = ["--url", hidden, "--proxy", &proxy, "--login", "alice", "--password", password("alice")];
    for adapter in ADAPTERS {
        let mut alice = adapter.chat(&to);
        alice.event("authorized");
        alice.type_line("/msg bob from a chat");
        assert_eq!(bob.event("message")["message"]["body"], "from a chat");
    }
    let send = Process::start(&[&["send"], &to[..], &["bob", "by itself"]].concat());
    assert_eq!(send.status(), Some(0));
    assert_eq!(bob.event("message")["message"]["body"], "by itself");
}

#[test]
fn a_proxy_that_does_not_help_is_told() {
    let (_serve, url) = serve("127.0.0.1:0");
    let address = url.trim_start_matches("ws://").split('/').next().unwrap();
    let refusing = proxy(address, Err("403 Forbidden"));
    let busy = proxy(address, Err("503 Service Unavailable"));
    let with_password = refusing.replace("http://", "http://user:hunter2@");
    for (proxy, reason, status) in [
        (&*refusing, "403", 69),
        (&*busy, "503", 75),
        (&with_password, "others can see the password in --proxy", 69),
        ("http://127.0.0.1:1", "can't connect to 127.0.0.1:1", 69),
        ("ftp://user:hunter2@proxy", "--proxy: ", 64),
    ] {
        let mut chat = Process::start(&["chat", "--url", &url, "--proxy", proxy]);
        chat.complaint(reason);
        let (text, ended) = chat.rest();
        assert!(!text.contains("hunter"), "{text}");
        assert_eq!(ended, Some(status), "{proxy}");
    }
}

/// Starts a proxy that relays connections for this host and port to an address, or refuses them with a status.
pub(crate) fn proxy(asked_for: &str, address: Result<String, &'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let request = format!("CONNECT {asked_for} HTTP/1.1");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut near = BufReader::new(stream.unwrap());
            let mut lines: Vec<String> = Vec::new();
            while lines.last().is_none_or(|line| !line.is_empty()) {
                let mut line = String::new();
                near.read_line(&mut line).unwrap();
                lines.push(line.trim_end().to_owned());
            }
            assert_eq!(lines[0], request);
            let address = match &address {
                Ok(address) => address,
                Err(status) => {
                    near.get_mut().write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).unwrap();
                    continue;
                }
            };
            let far = TcpStream::connect(address).unwrap();
            near.get_mut().write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let (mut back, mut from) = (near.get_ref().try_clone().unwrap(), far.try_clone().unwrap());
            thread::spawn(move || {
                _ = copy(&mut from, &mut back);
                _ = back.shutdown(std::net::Shutdown::Both);
            });
            let mut to = far;
            thread::spawn(move || {
                _ = copy(&mut near, &mut to);
                _ = to.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    url
}
