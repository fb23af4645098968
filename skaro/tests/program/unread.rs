//! Case 27: when nobody reads what is written, that is an ordinary end.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{ADAPTERS, WAIT, command, wait};

/// Starts the program; whoever drops a pipe reads no more from it.
fn start(args: &[&str]) -> Child {
    let mut command = command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_chat_ends_when_nobody_reads_any_more() {
    for adapter in ADAPTERS {
        let mut chat = start(&[&["chat"], adapter.0].concat());
        let mut line = String::new();
        BufReader::new(chat.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "connected\n");
        // Keep the input open: the chat must see by itself that it is over. It may take more than one line to see that: programs
        // that other tests are starting have the pipe, too, until they run.
        let mut input = chat.stdin.take().unwrap();
        let deadline = Instant::now() + WAIT;
        while chat.try_wait().unwrap().is_none() && Instant::now() < deadline {
            _ = writeln!(input, "/contacts");
            thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(wait(&mut chat), Some(Some(0)));
        drop(input);
    }
}

#[test]
fn complaints_that_nobody_reads_change_no_status() {
    for (args, input, status) in [
        (&["chat", "--json"][..], "/bogus\n/bogus\n", 65),
        (&["chat"], "/bogus\n/contacts\n", 65),
        (&["chat", "--url", "nowhere"], "", 64),
        (&["bogus"], "", 64),
        (&["send", "--url", "ws://127.0.0.1:1/", "--login", "a", "--password", "x", "b", "c"], "", 69),
    ] {
        let mut process = start(args);
        drop(process.stderr.take());
        // It may have ended by now.
        _ = process.stdin.take().unwrap().write_all(input.as_bytes());
        assert_eq!(wait(&mut process), Some(Some(status)), "{args:?}");
    }
}

#[test]
fn help_that_nobody_reads_is_no_failure() {
    for args in [&["--help"][..], &["serve", "--help"], &["--version"]] {
        let mut process = start(args);
        drop(process.stdout.take());
        assert_eq!(wait(&mut process), Some(Some(0)));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_can_not_be_written_is_a_failure() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let chat = command(&["chat", "--json"]).stdin(Stdio::null()).stdout(full).output().unwrap();
    assert_eq!(chat.status.code(), Some(74));
    assert!(String::from_utf8(chat.stderr).unwrap().contains("can't write"));
}

#[cfg(unix)]
#[test]
fn a_server_goes_on_when_nobody_reads_its_log() {
    let mut server = start(&["serve", "--memory", "--listen", "127.0.0.1:0"]);
    drop(server.stderr.take());
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap();
    let signal = |name: &str| {
        let kill = format!("kill -{name} {}", server.id());
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    };
    signal("HUP");
    drop(ADAPTERS[0].guest(url));
    signal("TERM");
    assert_eq!(wait(&mut server), Some(Some(0)));
}
