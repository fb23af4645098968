//! What the server promises to its operator.

use crate::files::Files;
use crate::process::{ADAPTERS, Process, command, serve};

const LISTEN: [&str; 4] = ["serve", "--memory", "--listen", "127.0.0.1:0"];

#[test]
fn users_come_from_a_file_the_environment_and_options() {
    let files = Files::new();
    let users = files.write("users", "# who may\n\nalice:correct:horse\n");
    let mut options =
        command(&[&LISTEN[..], &["--user-file", &users, "--user", "bob:battery staple"]].concat());
    let mut server = Process::run(options.env("SKARO_USERS", "carol:c\ndave:d"));
    let url = server.address();
    server.complaint("others can see the passwords of --user");
    server.complaint("all is kept in memory, and lost when this ends; 4 users");
    for login in ["alice", "bob"] {
        drop(ADAPTERS[0].user(&url, login));
    }
}

#[test]
fn a_server_that_can_not_be_ends_with_a_reason_and_a_status() {
    let (_serve, url) = serve("127.0.0.1:0");
    let address = url.trim_start_matches("ws://").trim_end_matches("/skaro_client/");
    let files = Files::new();
    let missing = files.path("missing");
    let wrong = files.write("wrong", "alice:hunter2\nhunter3\n");
    let twice = files.write("twice", "alice:hunter2\n\nalice:hunter2\n");
    let open = files.write("open", "alice:hunter2\n");
    files.mode("open", 0o644);
    let mut cases: Vec<(Vec<&str>, &str, i32)> = vec![
        (vec!["--listen", address], "can't listen", 71),
        (vec!["--user", "alice"], "LOGIN:PASSWORD", 64),
        (vec!["--user", "alice:"], "the password is empty", 64),
        (vec!["--user", ":secret"], "at least one character", 64),
        (vec!["--user", "alice:a", "--user", "alice:b"], "already", 64),
        (vec!["--tls-cert", "x"], "--tls-key", 64),
        (vec!["--max-memory", "512"], "give 8M at least", 64),
        (vec!["--max-connections", "0"], "give 1 at least", 64),
        (vec!["--max-connections", "many"], "not a number", 64),
        (vec!["--listen", "18001"], "127.0.0.1:18001", 64),
        (vec!["--listen", "127.0.0.1"], "a port is missing: give 127.0.0.1:8000", 64),
        (vec!["--listen", "::1:8000"], "[::1]:8000", 64),
        (vec!["--listen", "127.0.0.1:65536"], "65535", 64),
        (vec!["--trust-proxy", "x-real-ip"], "x-forwarded-for", 64),
        (vec!["--tls-cert", &missing, "--tls-key", &missing], "can't read", 66),
        (vec!["--user-file", &missing], "missing: ", 66),
        (vec!["--user-file", &wrong], "wrong:2: a user is given as LOGIN:PASSWORD", 78),
        (vec!["--user-file", &twice], "twice:3: ", 78),
    ];
    if cfg!(unix) {
        cases.push((vec!["--user-file", &open], "others can read", 78));
    }
    for (args, reason, status) in cases {
        let mut server = Process::start(&[&["serve", "--memory"], &args[..]].concat());
        server.complaint(reason);
        assert!(!server.transcript().contains("hunter"), "{}", server.transcript());
        assert_eq!(server.status(), Some(status), "{args:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_hang_up_lets_it_read_again_and_a_signal_to_end_ends_well() {
    for signal in ["TERM", "INT"] {
        let mut server = Process::start(&LISTEN);
        let url = server.address();
        server.complaint("in memory");
        server.complaint("nobody can sign in");
        server.signal("HUP");
        server.complaint("were read again");
        drop(ADAPTERS[0].guest(&url));
        server.signal(signal);
        server.complaint("shutting down");
        assert_eq!(server.status(), Some(0));
    }
}
