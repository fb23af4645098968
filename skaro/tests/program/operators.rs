//! What operators do beside a server: users, sessions, backups, certificates.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::files::Files;
use crate::process::{ADAPTERS, Process, command};

/// What a command has written, and its exit status.
struct Ended {
    status: Option<i32>,
    output: String,
    complaints: String,
}

/// Runs a command to its end, with this text as its input.
fn run(args: &[&str], input: &str) -> Ended {
    let mut command = command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end without reading.
    _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let ended = child.wait_with_output().unwrap();
    let [output, complaints] = [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(!complaints.contains("hunter"), "{complaints}");
    Ended { status: ended.status.code(), output, complaints }
}

/// An operator of the server in this directory.
struct Operator<'f>(&'f str);

impl Operator<'_> {
    fn run(&self, args: &[&str], input: &str) -> Ended {
        run(&[args, &["--data", self.0]].concat(), input)
    }

    /// Runs a command that has to succeed; what it writes.
    fn does(&self, args: &[&str], input: &str) -> String {
        let ended = self.run(args, input);
        assert_eq!(ended.status, Some(0), "{args:?}: {}", ended.complaints);
        ended.output
    }

    /// Runs a command that has to fail, with this reason.
    fn fails(&self, args: &[&str], input: &str, reason: &str, status: i32) {
        let ended = self.run(args, input);
        assert!(ended.complaints.contains(reason), "{args:?}: {}", ended.complaints);
        assert_eq!(ended.status, Some(status), "{args:?}");
    }

    fn lines(&self, args: &[&str]) -> Vec<Value> {
        let output = self.does(args, "");
        output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn serve(data: &str) -> (Process, String) {
    let mut server = Process::start(&["serve", "--listen", "127.0.0.1:0", "--data", data]);
    let url = server.address();
    (server, url)
}

fn chat(url: &str, login: &str, password: &str) -> Process {
    ADAPTERS[0].chat(&["--url", url, "--login", login, "--password", password])
}

/// The same with a server that runs and without one.
#[test]
fn users_come_and_go_whether_or_not_the_server_runs() {
    for is_running in [false, true] {
        let files = Files::new();
        let data = files.path("data");
        let (mut server, url) = serve(&data);
        if !is_running {
            #[cfg(unix)]
            server.signal("TERM");
            #[cfg(unix)]
            assert_eq!(server.status(), Some(0));
            #[cfg(not(unix))]
            drop(server);
        } else {
            server.complaint("nobody can sign in");
        }
        let operator = Operator(&data);
        operator.does(&["user", "add", "alice"], "hunter1\n");
        operator.does(&["user", "add", "bob b"], "hunter2\nignored");
        operator.fails(&["user", "add", "alice"], "hunter3\n", "already", 65);
        operator.fails(&["user", "add", "carol"], "", "can't read the password", 66);
        operator.fails(&["user", "add", "carol"], "\n", "the password is empty", 64);
        operator.fails(&["user", "add", "#carol"], "hunter3\n", "reserved", 64);
        operator.fails(&["user", "passwd", "carol"], "hunter3\n", "no user", 67);
        operator.does(&["user", "disable", "bob b"], "");
        assert_eq!(
            operator.lines(&["user", "list", "--json"]),
            [
                json!({"login": "alice", "is_disabled": false, "sessions": 0, "head": 0}),
                json!({"login": "bob b", "is_disabled": true, "sessions": 0, "head": 0}),
            ]
        );
        assert_eq!(
            operator.does(&["user", "list"], ""),
            "alice: 0 sessions, log at 0\n\"bob b\": 0 sessions, log at 0, disabled\n"
        );
        operator.does(&["user", "enable", "bob b"], "");
        operator.does(&["user", "passwd", "alice"], "hunter4\n");
        operator.does(&["user", "remove", "bob b"], "");
        operator.fails(&["user", "disable", "bob b"], "", "no user", 67);
        let (_server, url) = if is_running {
            (None, url)
        } else {
            Some(serve(&data)).map(|(it, url)| (Some(it), url)).unwrap()
        };
        chat(&url, "alice", "hunter4").event("authorized");
        for (login, password) in [("alice", "hunter1"), ("bob b", "hunter2")] {
            let refused = chat(&url, login, password).event("info");
            assert_eq!(refused["request"], "authorize");
        }
    }
}

#[test]
fn whoever_is_here_hears_of_it() {
    let files = Files::new();
    let data = files.path("data");
    let (_server, url) = serve(&data);
    let operator = Operator(&data);
    operator.does(&["user", "add", "alice"], "hunter1\n");
    let mut alice = chat(&url, "alice", "hunter1");
    alice.event("authorized");
    let sessions = operator.lines(&["session", "list", "--json"]);
    assert_eq!(
        (sessions.len(), &sessions[0]["login"], &sessions[0]["until"]),
        (1, &json!("alice"), &Value::Null)
    );
    assert!(operator.does(&["session", "list", "alice"], "").ends_with(" alice: in use from 127.0.0.1\n"));
    operator.fails(&["session", "list", "bob"], "", "no user", 67);
    operator.fails(&["session", "end"], "", "--all", 64);
    operator.fails(&["session", "end", "--session", "x"], "", "32 hexadecimal digits", 64);
    for end in [vec!["alice"], vec!["--session", sessions[0]["session"].as_str().unwrap()], vec!["--all"]] {
        operator.does(&[&["session", "end"], &end[..]].concat(), "");
        if end[0] != "--session" {
            assert!(alice.event("error")["info"].as_str().unwrap().contains("ended"));
            // No client signs in again by itself, though it may have the password.
            alice.complaint("ended on purpose");
            alice = chat(&url, "alice", "hunter1");
            alice.event("authorized");
        }
    }
    operator.does(&["user", "disable", "alice"], "");
    assert!(alice.event("error")["info"].as_str().unwrap().contains("disabled"));
    assert_eq!(operator.lines(&["session", "list", "--json"]), [Value::Null; 0]);
}

#[test]
fn a_backup_is_made_while_the_server_runs_and_restored_elsewhere() {
    let files = Files::new();
    let (data, copy, elsewhere) = (files.path("data"), files.path("copy"), files.path("else/where"));
    let (_server, url) = serve(&data);
    let (here, there) = (Operator(&data), Operator(&elsewhere));
    for login in ["alice", "bob"] {
        here.does(&["user", "add", login], "hunter1\n");
    }
    let mut alice = chat(&url, "alice", "hunter1");
    alice.event("authorized");
    alice.type_line("/msg bob hello");
    alice.event("message_sent");
    here.does(&["backup", &copy], "");
    here.fails(&["backup", &copy], "", "exists", 74);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for (path, mode) in [(&copy, 0o600), (&files.path("data/control"), 0o600)] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{path}");
        }
    }
    assert!(here.does(&["check"], "").contains("whole"));
    assert!(here.does(&["check", &copy], "").contains("whole"));
    there.fails(&["check"], "", "can't be opened", 66);
    there.fails(&["user", "list"], "", "there is no store", 66);
    here.fails(&["restore", &copy], "", "in use by another server", 75);
    there.does(&["restore", &copy], "");
    there.fails(&["restore", &copy], "", "exists", 74);
    let (_server, url) = serve(&elsewhere);
    let mut bob = chat(&url, "bob", "hunter1");
    bob.event("authorized");
    bob.type_line("/history alice");
    assert_eq!(bob.event("history")["history"][0]["body"], "hello");
    // What is damaged is found.
    let mut damaged = std::fs::read(&copy).unwrap();
    let end = damaged.len() - 4096;
    damaged[end..].iter_mut().step_by(97).for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&copy, &damaged[..5000]).unwrap();
    here.fails(&["check", &copy], "", "", 65);
    std::fs::write(&copy, damaged).unwrap();
    here.fails(&["check", &copy], "", "is damaged", 65);
    here.fails(&["restore", &copy, "--data", &files.path("third")], "", "", 64);
    // What is refused leaves nothing.
    let third = files.path("third");
    for (file, status) in [(&copy, 65), (&files.path("nothing"), 66)] {
        Operator(&third).fails(&["restore", file], "", "", status);
        assert!(!std::path::Path::new(&third).exists(), "{file}");
    }
    Operator(&format!("{copy}/below")).fails(&["restore", &copy], "", "can't use", 74);
    // Another program's database.
    let foreign = files.path("foreign");
    let mut header = vec![0; 4096];
    header[..16].copy_from_slice(b"SQLite format 3\0");
    header[16..24].copy_from_slice(&[16, 0, 1, 1, 0, 64, 32, 32]);
    (header[31], header[47], header[59], header[100]) = (1, 4, 1, 13);
    (header[105], header[106]) = (16, 0);
    std::fs::write(&foreign, header).unwrap();
    here.fails(&["check", &foreign], "", "not a store of this server", 65);
    Operator(&third).fails(&["restore", &foreign], "", "not a store of this server", 65);
}

#[test]
fn a_certificate_serves_to_try_tls() {
    let files = Files::new();
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let make = ["certificate", "--cert", &cert, "--key", &key];
    let ended = run(&make, "");
    assert_eq!(ended.status, Some(0), "{}", ended.complaints);
    let again = run(&make, "");
    assert!(again.complaints.contains("remove it, or give another name"), "{}", again.complaints);
    assert_eq!(again.status, Some(74));
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions()) & 0o777,
        0o600
    );
    for name in ["a..b", "", "x y", "*.*.org"] {
        let refused = run(&["certificate", name, "--cert", &files.path("c"), "--key", &files.path("k")], "");
        assert!(refused.complaints.contains("no name or address of a server"), "{}", refused.complaints);
        assert_eq!(refused.status, Some(64));
    }
    let wide = ["certificate", "*.example.org", "--cert", &files.path("c"), "--key", &files.path("k")];
    assert_eq!(run(&wide, "").status, Some(0));
    let tls = ["--tls-cert", &cert, "--tls-key", &key];
    let mut server = Process::start(&[&["serve", "--memory", "--listen", "127.0.0.1:0"], &tls[..]].concat());
    let url = server.address().replace("127.0.0.1", "localhost");
    ADAPTERS[0].chat(&["--url", &url, "--ca", &cert]).event("connected");
    let mut stranger = ADAPTERS[0].chat(&["--url", &url]);
    stranger.complaint("certificate");
    assert_eq!(stranger.status(), Some(76));
}

/// The first thing that is wrong with a request is told, and nothing that is too long is kept.
#[cfg(unix)]
#[test]
fn the_control_socket_survives_whatever_is_sent() {
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixStream;

    let files = Files::new();
    let data = files.path("data");
    let (_server, _) = serve(&data);
    let connect = || UnixStream::connect(files.path("data/control")).unwrap();
    for line in [
        "\n",
        "{}\n",
        "hunter2\n",
        r#"{"do":"add_user","login":"a","password":"hunter2","more":1}"#,
        "\0\u{7f}\n",
    ] {
        let mut stream = connect();
        stream.write_all(line.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        assert!(answer.contains("refused") && !answer.contains("hunter"), "{line:?}: {answer}");
    }
    let mut endless = connect();
    let _closed = endless.write_all(&vec![b'x'; 3 << 20]);
    drop(endless);
    // Silent ones are told that nothing was done, and many of them keep nobody out.
    let mut idle: Vec<_> = (0..200).map(|_| connect()).collect();
    Operator(&data).does(&["user", "add", "alice"], "hunter2\n");
    let mut answer = String::new();
    BufReader::new(idle.remove(0)).read_line(&mut answer).unwrap();
    assert!(answer.contains("it was not carried out"), "{answer}");
    // Whoever types a password for long has no connection meanwhile.
    let mut passwd = command(&["user", "passwd", "alice", "--data", &data]);
    let mut passwd = passwd.stdin(Stdio::piped()).spawn().unwrap();
    for mut silent in idle {
        _ = silent.set_read_timeout(Some(crate::process::WAIT));
        answer.clear();
        _ = BufReader::new(&mut silent).read_line(&mut answer);
    }
    passwd.stdin.take().unwrap().write_all(b"hunter3\n").unwrap();
    assert!(passwd.wait().unwrap().success());
}
