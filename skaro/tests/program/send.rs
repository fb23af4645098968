//! One message, and the statuses that tell what became of it.

use std::io::Write;

use crate::chat::strange_server;
use crate::files::Files;
use crate::process::{ADAPTERS, Process, command, password, serve};

/// Sends something to bob, as alice.
fn send(url: &str, secret: &str, args: &[&str], input: &str) -> Process {
    let mut command = command(&[&["send", "--url", url, "--login", "alice"], args].concat());
    let mut process = Process::run(command.env("SKARO_PASSWORD", secret));
    // It may have ended by now.
    _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    process
}

#[test]
fn a_message_arrives_as_it_was_given() {
    let (_serve, url) = serve("127.0.0.1:0");
    let mut bob = ADAPTERS[0].user(&url, "bob");
    let secret = password("alice");
    for (args, input, body) in [
        (&["bob", "hello", "world"][..], "", "hello world"),
        (&["bob", "--", "-x", " y "], "", "-x  y "),
        (&["bob"], "two\nlines\n", "two\nlines"),
    ] {
        assert_eq!(send(&url, secret, args, input).end(), (vec![], Some(0)));
        assert_eq!(bob.event("message")["message"]["body"], body);
    }
}

#[test]
fn passwords_come_from_files_the_environment_and_standard_input() {
    let (_serve, url) = serve("127.0.0.1:0");
    let mut bob = ADAPTERS[0].user(&url, "bob");
    let files = Files::new();
    let file = files.write("password", "correct:horse\nand a remark\n");
    let common = ["send", "--url", &url, "--login", "alice"];

    let by_file = Process::start(&[&common[..], &["--password-file", &file, "bob", "1"]].concat());
    assert_eq!(by_file.end(), (vec![], Some(0)));
    let mut by_input = Process::start(&[&common[..], &["--password-file", "-", "bob"]].concat());
    by_input.type_line("correct:horse\n2");
    by_input.end_of_input();
    assert_eq!(by_input.end(), (vec![], Some(0)));
    let mut by_option = Process::start(&[&common[..], &["--password", "correct:horse", "bob", "3"]].concat());
    by_option.complaint("others can see --password");
    assert_eq!(by_option.end(), (vec![], Some(0)));
    assert_eq!(bob.event("message")["message"]["body"], "1");
    assert_eq!(bob.event("message")["message"]["body"], "2");
    assert_eq!(bob.event("message")["message"]["body"], "3");

    if cfg!(unix) {
        files.mode("password", 0o644);
        let mut refused = Process::start(&[&common[..], &["--password-file", &file, "bob", "4"]].concat());
        refused.complaint("others can read");
        assert_eq!(refused.status(), Some(78));
    }
}

#[test]
fn the_status_tells_what_went_wrong() {
    let (_serve, url) = serve("127.0.0.1:0");
    let long = "x".repeat(16_385);
    let right = password("alice");
    // The URL, the password, the arguments, the input, what is said, the status.
    type Case<'a> = (&'a str, &'a str, &'a [&'a str], &'a str, &'a str, i32);
    let cases: [Case<'_>; 12] = [
        ("nowhere", right, &["bob", "x"], "", "it must begin with ws:// or wss://", 64),
        ("ws://127.0.0.1:1/", right, &["bob", "x"], "", "can't connect to 127.0.0.1:1", 69),
        ("ws://no.such.host.invalid/", right, &["bob", "x"], "", "can't find the host", 68),
        (&url, "wrong", &["bob", "x"], "", "can't sign in as alice", 77),
        (&url, right, &["nobody", "x"], "", "can't send to nobody", 67),
        (&url, right, &["bob"], &long, "16384", 65),
        (&url, right, &["bob"], "", "the text is empty", 65),
        (&url, right, &[], "", "TO", 64),
        (&url, right, &["bob", "x", "--bogus"], "", "--bogus", 64),
        (&url, right, &["bob", "x", "--request-timeout", "soon"], "", "not a number", 64),
        (&url, right, &["--ca", "/dev/null", "bob", "x"], "", "no certificate", 66),
        (&url.replace("ws:", "wss:"), right, &["bob", "x"], "", "use a ws:// URL", 76),
    ];
    for (url, secret, args, input, reason, status) in cases {
        let mut process = send(url, secret, args, input);
        process.complaint(reason);
        assert_eq!(process.status(), Some(status), "{url} {args:?}");
    }
    let mut unheard = send(&strange_server(), right, &["bob", "x", "--request-timeout", "2"], "");
    unheard.complaint("no answer came in time; the server may have carried it out");
    assert_eq!(unheard.status(), Some(75));
    let mut without = Process::start(&["send", "--url", &url, "--login", "alice", "bob", "x"]);
    without.complaint("there is no password");
    assert_eq!(without.status(), Some(64));
}

#[test]
fn help_and_version_are_there() {
    for args in [&["--help"][..], &["--version"], &["send", "--help"], &["chat", "-h"]] {
        let mut process = Process::start(args);
        assert!(process.next("text").is_some());
        assert_eq!(process.status(), Some(0));
    }
    assert_eq!(Process::start(&[]).status(), Some(64));
}
