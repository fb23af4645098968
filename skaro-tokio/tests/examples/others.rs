//! The examples beside the bot.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::process::command;
use crate::someone::{Someone, config, serve};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_notifier_notifies() {
    let server = serve("127.0.0.1:0", config()).await;
    let mut alice = Someone::sign_in(&server).await;
    let notify = |password: &str, to: &str| {
        let mut command = command("notify");
        command.args([&server.url(), "bot", to, "it is done"]).env("SKARO_PASSWORD", password);
        command.stderr(Stdio::null()).status().unwrap().success()
    };
    assert!(notify("correct horse", "alice"));
    assert_eq!(alice.hears().await, "it is done");
    assert!(!notify("wrong", "alice"));
    assert!(!notify("correct horse", "nobody"));
}

#[test]
fn the_embedded_server_serves() {
    assert!(command("embedded").status().unwrap().success());
}

#[test]
fn the_conference_is_moderated() {
    let output = command("conference").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.lines().collect::<Vec<_>>(), ["anna: welcome, BEN", "removed ben; left: 1"]);
}

#[test]
fn the_server_with_hooks_decides() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store");
    // In memory, in a file, and in a file where everybody is already.
    for file in [None, Some(&path), Some(&path)] {
        let output = command("hooks").args(file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout);
        let [mallory, casino, telephone] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
        assert!(mallory.starts_with("mallory: ") && mallory.contains("you know why"), "{said}");
        assert!(casino.contains("no advertisements"), "{said}");
        assert_eq!(telephone, "wake the telephone of bob: a message from alice");
    }
}

#[test]
fn the_server_with_a_store_goes_on_where_it_ended() {
    let place = tempfile::tempdir().unwrap();
    for count in ["1\n", "2\n"] {
        let output = command("stored").arg(place.path().join("store")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout), count);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_bridge_carries_lines_both_ways() {
    let server = serve("127.0.0.1:0", config()).await;
    let mut alice = Someone::sign_in(&server).await;
    let mut command = command("bridge");
    command.args([&server.url(), "bot", "alice"]).env("SKARO_PASSWORD", "correct horse");
    let mut bridge = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = bridge.stdin.take().unwrap();
    input.write_all(b"from the pipe\n").unwrap();
    assert_eq!(alice.hears().await, "from the pipe");
    alice.says("to the\npipe").await;
    // The bridge writes a message before it takes the next one.
    let mut line = String::new();
    BufReader::new(bridge.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "to the\\npipe\n");
    drop(input);
    assert!(bridge.wait().unwrap().success());
}
