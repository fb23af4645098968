//! A server that runs for long: its log, its numbers, new options and certificates without a cut, and its end.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use tungstenite::Message;

use crate::files::Files;
use crate::process::{ADAPTERS, Process, command};

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

fn chat(url: &str, login: &str, password: &str, more: &[&str]) -> Process {
    ADAPTERS[0].chat(&[&["--url", url, "--login", login, "--password", password], more].concat())
}

#[test]
fn the_log_is_for_people_or_machines_and_has_no_secrets() {
    for format in ["text", "json"] {
        let files = Files::new();
        let users = files.write("users", "alice:hunter2\nbob:hunter3\nbob b:hunter3\n");
        let options = ["--data", &files.path("data"), "--user-file", &users, "--log-format", format];
        let mut server = Process::start(&[&SERVE[..], &options, &["--log-level", "debug"]].concat());
        let url = server.address();
        server.complaint("data/store; 3 users");
        let mut alice = chat(&url, "alice", "hunter2", &[]);
        alice.event("authorized");
        let signed_in = if format == "text" { "INFO signed in" } else { "\"message\":\"signed in\"" };
        let signed_in = server.complaint(signed_in);
        alice.type_line("/msg bob hunter4 is the password");
        alice.event("message_sent");
        chat(&url, "bob b", "hunter3", &[]).event("authorized");
        server.complaint("bob b");
        chat(&url, "hunter5", "hunter6", &[]).event("info");
        let refused = server.complaint("sign-in refused");
        let mut passwd = command(&["user", "passwd", "alice", "--data", &files.path("data")]);
        let mut passwd = Process::run(&mut passwd);
        passwd.type_line("hunter7");
        passwd.end_of_input();
        assert_eq!(passwd.status(), Some(0));
        server.complaint("password changed by an operator");
        server.complaint("closed by the server");
        server.signal("TERM");
        let (text, status) = server.rest();
        assert_eq!(status, Some(0));
        assert!(text.contains("shutting down") && !text.contains("hunter"), "{text}");
        if format == "text" {
            assert!(
                signed_in.contains("INFO signed in") && signed_in.contains("login=\"alice\""),
                "{signed_in}"
            );
            assert!(refused.contains("WARN") && refused.contains("address=\"127.0.0.1\""), "{refused}");
            continue;
        }
        let lines: Vec<Value> = text
            .lines()
            .filter(|line| !line.starts_with("listening on"))
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect();
        assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
        let find = |message: &str| lines.iter().find(|line| line["message"] == message).unwrap();
        assert_eq!(find("signed in")["login"], "alice");
        let odd = lines.iter().any(|line| line["message"] == "signed in" && line["login"] == "bob b");
        assert!(odd, "a login is quoted once");
        let refused = find("sign-in refused (authorize)");
        assert_eq!((&refused["address"], &refused["status"]), (&"127.0.0.1".into(), &401.into()));
    }
}

#[test]
fn a_failure_is_json_as_well_and_lines_are_clean() {
    let mut server =
        Process::start(&["serve", "--memory", "--listen", "192.0.2.1:1", "--log-format", "json"]);
    let line = server.complaint("can't listen on 192.0.2.1:1");
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["level"], "ERROR");
    assert_eq!(server.status(), Some(71));
}

fn get(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn numbers_are_told_and_whether_it_is_alive_and_ready() {
    let files = Files::new();
    let users = files.write("users", "alice:hunter2\nbob:hunter3\n");
    let options = ["--data", &files.path("data"), "--user-file", &users, "--metrics", "127.0.0.1:0"];
    let mut server = Process::start(&[&SERVE[..], &options].concat());
    let url = server.address();
    let line = server.complaint("metrics are at http://");
    let address = line.split("http://").nth(1).unwrap().trim_end_matches("/metrics").to_owned();
    let mut alice = chat(&url, "alice", "hunter2", &[]);
    alice.event("authorized");
    for _ in 0..3 {
        alice.type_line("/msg bob hello");
        alice.event("message_sent");
    }
    alice.type_line("/msg nobody hello");
    alice.event("info");
    let path = |path: &str| get(&address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"));
    for (name, text) in [("/alive", "\r\n\r\nalive\n"), ("/ready", "\r\n\r\nready\n")] {
        let answer = path(name);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(text), "{answer}");
    }
    let metrics = path("/metrics");
    for line in [
        "skaro_connections 1",
        "skaro_connections_signed_in 1",
        "skaro_users_online 1",
        "skaro_connections_accepted_total 1",
        "skaro_messages_total 3",
        "skaro_requests_total{request=\"authorize\",status=\"200\"} 1",
        "skaro_requests_total{request=\"send_message\",status=\"200\"} 3",
        "skaro_requests_total{request=\"send_message\",status=\"404\"} 1",
        "skaro_store_seconds_count{request=\"send_message\"} 4",
        "skaro_store_seconds_bucket{le=\"+Inf\",request=\"send_message\"} 4",
        "skaro_store_operations_open 0",
        "# EOF",
    ] {
        assert!(metrics.lines().any(|it| it == line), "no {line} in {metrics}");
    }
    let commits = metrics.lines().find_map(|line| line.strip_prefix("skaro_store_commit_seconds_count "));
    // One message after the other.
    assert!(commits.unwrap().parse::<u64>().unwrap() >= 4, "{metrics}");
    assert!(metrics.contains("skaro_memory_bytes{kind=\"connections\"} "), "{metrics}");
    assert!(!metrics.contains("alice") && !metrics.contains("hunter"), "{metrics}");
    assert!(path("/").starts_with("HTTP/1.1 404 "));
    assert!(
        get(&address, "POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").contains(" 405 ")
    );
    // What is no HTTP, never ends, or never begins, harms nobody.
    let _idle: Vec<_> = (0..200).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let mut endless = TcpStream::connect(&address).unwrap();
    _ = endless.write_all(&b"GET /".repeat(1 << 16));
    drop(endless);
    assert!(path("/alive").ends_with("alive\n"));
}

/// Options, users and the certificate change again and again, while two people talk.
#[test]
fn nothing_is_cut_when_options_and_certificates_change() {
    let files = Files::new();
    let (data, users) = (files.path("data"), files.write("users", "alice:hunter2\nbob:hunter3\n"));
    let certificate = |n: usize| {
        let (cert, key) = (files.path(&format!("cert-{n}")), files.path("new-key"));
        let make = ["certificate", "--cert", &cert, "--key", &key];
        assert!(command(&make).output().unwrap().status.success());
        std::fs::copy(&cert, files.path("cert.pem")).unwrap();
        std::fs::rename(&key, files.path("key.pem")).unwrap();
        cert
    };
    let options = |connections: usize| {
        let text = format!(
            "listen = '127.0.0.1:0'\ndata = '{data}'\nuser-file = '{users}'\nmax-connections-per-user = {connections}\n\
             tls-cert = '{}'\ntls-key = '{}'\n",
            files.path("cert.pem"),
            files.path("key.pem")
        );
        files.write("skaro.toml", &text);
    };
    let first = certificate(0);
    options(5);
    let mut server = Process::run(command(&["serve"]).current_dir(files.folder()));
    let url = server.address().replace("127.0.0.1", "localhost");
    let reload = || {
        let mut reload = command(&["reload"]);
        let ended = reload.current_dir(files.folder()).output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    let mut alice = chat(&url, "alice", "hunter2", &["--ca", &first]);
    let mut bob = chat(&url, "bob", "hunter3", &["--ca", &first]);
    alice.event("authorized");
    bob.event("authorized");
    let mut newest = first.clone();
    for n in 1..6 {
        newest = certificate(n);
        options(5 + n);
        // They talk meanwhile.
        (0..20).for_each(|k| alice.type_line(&format!("/msg bob {n} {k}")));
        if n % 2 == 0 {
            server.signal("HUP");
            server.complaint("were read again");
        } else {
            assert_eq!(reload(), (Some(0), String::new()));
        }
        (0..20).for_each(|k| assert_eq!(bob.event("message")["message"]["body"], format!("{n} {k}")));
    }
    // The newest certificate is what newcomers see; whoever was added is let in; the limit is the new one.
    std::fs::write(&users, "alice:other\nbob:other\ncarol:hunter4\n").unwrap();
    options(1);
    assert_eq!(reload(), (Some(0), String::new()));
    server.complaint("users were added users=1");
    chat(&url, "carol", "hunter4", &["--ca", &newest]).event("authorized");
    let refused = chat(&url, "alice", "hunter2", &["--ca", &newest]).event("info");
    assert!(refused["info"].as_str().unwrap().contains("1 connections"), "{refused}");
    assert_eq!(chat(&url, "carol", "hunter4", &["--ca", &first]).status(), Some(76));
    // What is wrong changes nothing, and is told.
    files.write("skaro.toml", "max-connections = 'many'");
    let (status, reason) = reload();
    assert_eq!(status, Some(66), "the directory is another one then: {reason}");
    server.signal("HUP");
    server.complaint("no option was changed: ");
    files.write("skaro.toml", &format!("listen = '127.0.0.1:9'\ndata = '{data}'\n"));
    let (status, told) = reload();
    assert!(status == Some(0) && told.contains("listen is changed only by a restart"), "{told}");
    server.complaint("listen is changed only by a restart");
    alice.type_line("/msg bob the last");
    assert_eq!(bob.event("message")["message"]["body"], "the last");
    for chat in [alice, bob] {
        assert!(!chat.transcript().contains("disconnected"), "{}", chat.transcript());
    }
}

#[test]
fn a_thousand_clients_are_told_of_the_end() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let files = Files::new();
    let options =
        ["--data", &files.path("data"), "--max-connections-per-address", "2000", "--format", "json"];
    let mut server = Process::start(&[&SERVE[..], &options].concat());
    let url = server.address();
    let address = url.trim_start_matches("ws://").trim_end_matches("/skaro_client/").to_owned();
    let mut clients: Vec<_> = (0..1000)
        .map(|_| tungstenite::client(&url, TcpStream::connect(&address).unwrap()).unwrap().0)
        .collect();
    for client in &mut clients {
        assert!(client.read().unwrap().into_text().unwrap().contains("check_connection"));
    }
    server.signal("TERM");
    for client in &mut clients {
        assert!(client.read().unwrap().into_text().unwrap().contains("shutting down"));
        let Message::Close(Some(close)) = client.read().unwrap() else { panic!("no end") };
        assert_eq!(u16::from(close.code), 1001);
        // It answers the closing handshake.
        _ = client.flush();
        while client.read().is_ok() {}
    }
    server.complaint("shutting down");
    assert_eq!(server.status(), Some(0));
}

#[test]
fn the_system_hears_that_it_is_ready_lives_reads_again_and_stops() {
    use std::os::unix::net::UnixDatagram;
    let files = Files::new();
    let socket = UnixDatagram::bind(files.path("notify")).unwrap();
    socket.set_read_timeout(Some(crate::process::WAIT)).unwrap();
    let hear = |wanted: &str| loop {
        let mut message = [0; 512];
        let length = socket.recv(&mut message).unwrap();
        let message = std::str::from_utf8(&message[..length]).unwrap();
        if message.lines().any(|line| line == wanted) {
            break;
        }
        assert!(message.contains("WATCHDOG=1"), "{message} before {wanted}");
    };
    let mut serve = command(&[&SERVE[..], &["--memory"]].concat());
    serve
        .env("NOTIFY_SOCKET", files.path("notify"))
        .env("WATCHDOG_USEC", "600000")
        .env_remove("WATCHDOG_PID");
    let mut server = Process::run(&mut serve);
    server.address();
    hear("READY=1");
    hear("WATCHDOG=1");
    server.signal("HUP");
    hear("RELOADING=1");
    hear("READY=1");
    hear("WATCHDOG=1");
    server.signal("TERM");
    hear("STOPPING=1");
    assert_eq!(server.status(), Some(0));
}
