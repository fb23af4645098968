//! The forwarder with a file is killed again and again, and forwards each message once, in order.

use skaro_tokio::Server;

use crate::process::{Example, command};
use crate::someone::{Someone, config, serve};

fn start(server: &Server, file: &str) -> Example {
    let mut command = command("exactly_once");
    Example::start(command.args([&server.url(), "bot", "alice", file]).env("SKARO_PASSWORD", "correct horse"))
}

#[tokio::test]
async fn a_forwarder_that_is_killed() {
    let server = serve("127.0.0.1:0", config()).await;
    let folder = std::env::temp_dir().join(format!("skaro-forwarder-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("state.json").to_str().unwrap().to_owned();
    let mut alice = Someone::sign_in(&server).await;
    let mut said = 0;
    for run in 0..12 {
        let forwarder = start(&server, &file);
        alice.wait_for_bots(&server, 1).await;
        if run == 0 {
            // It begins at the log's head, and as soon as the file has a place it misses nothing.
            while !std::fs::read(&file).is_ok_and(|state| state.starts_with(b"[[")) {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        }
        alice.posts(&server, "carol", said..said + 20);
        // Killed after none of them, or in the midst of them.
        for n in said..said + run {
            assert_eq!(alice.hears().await, n.to_string());
        }
        drop(forwarder);
        alice.wait_for_bots(&server, 0).await;
        // Said while it is away.
        alice.posts(&server, "carol", said + 20..said + 25);
        let forwarder = start(&server, &file);
        for n in said + run..said + 25 {
            assert_eq!(alice.hears().await, n.to_string());
        }
        drop(forwarder);
        alice.wait_for_bots(&server, 0).await;
        said += 25;
    }
    let forwarder = start(&server, &file);
    alice.posts(&server, "carol", said..said + 1);
    assert_eq!(alice.hears().await, said.to_string(), "something came twice");
    drop(forwarder);
    std::fs::remove_dir_all(folder).unwrap();
}
