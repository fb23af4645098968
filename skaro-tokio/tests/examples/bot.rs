//! The README's bot survives whatever its users, its server and its network do.

use skaro_tokio::proto::server::{self, Rate, ServerConfig};
use skaro_tokio::{Server, random_seed};

use crate::process::Example;
use crate::proxy::Proxy;
use crate::someone::{Someone, config, serve};

#[test]
fn the_readme_has_the_bot_word_for_word() {
    let readme = include_str!("../../../README.md");
    let (_, rest) = readme.split_once("```rust,no_run\n").unwrap();
    let (shown, _) = rest.split_once("```").unwrap();
    let (_, bot) = include_str!("../../examples/bot.rs").split_once("\n\n").unwrap();
    assert_eq!(shown, bot);
    assert!(bot.lines().count() <= 32);
    // The other async adapter has the same bot.
    let other = include_str!("../../../skaro-async-std/examples/bot-async-std.rs");
    let (_, other) = other.split_once("\n\n").unwrap();
    assert_eq!(
        other.replace("async_std::main", "tokio::main").replace("skaro_async_std", "skaro_tokio"),
        bot
    );
}

#[tokio::test]
async fn messages_of_every_length() {
    let server = serve("127.0.0.1:0", config()).await;
    let mut bot = Example::bot(&server.url());
    let mut alice = Someone::sign_in(&server).await;
    alice.wait_for_bots(&server, 1).await;
    for length in [1, 16_374, 16_375, 16_380, 16_384] {
        alice.says(&"x".repeat(length)).await;
        if length <= 16_374 {
            assert_eq!(alice.hears().await.len(), "you said: ".len() + length);
        } else {
            // The answer would be longer than a message may be.
            assert!(bot.complaint().await.starts_with("no answer to alice: "));
        }
    }
    alice.says("still there?").await;
    assert_eq!(alice.hears().await, "you said: still there?");
}

#[tokio::test]
async fn refusals() {
    let mut config = config();
    // Fewer than the bot wants to send by far.
    config.message_rate = Some(Rate::new(1, 1));
    let server = serve("127.0.0.1:0", config).await;
    let mut bot = Example::bot(&server.url());
    let mut alice = Someone::sign_in(&server).await;
    alice.wait_for_bots(&server, 1).await;
    alice.posts(&server, "alice", 0..200);
    assert_eq!(alice.hears().await, "you said: 0");
    for _ in 0..2 {
        assert!(bot.complaint().await.starts_with("no answer to alice: "));
    }
}

/// The answers to all of them are 3,000 further messages: a server with its usual limits would refuse most of those.
#[tokio::test]
async fn messages_by_the_thousand() {
    let mut config = config();
    (config.message_rate, config.frame_rate) = (None, None);
    // Or it would drop the oldest of them before the bot has heard them.
    config.max_dialog_messages = 10_000;
    let server = serve("127.0.0.1:0", config).await;
    let _bot = Example::bot(&server.url());
    let mut alice = Someone::sign_in(&server).await;
    alice.wait_for_bots(&server, 1).await;
    alice.posts(&server, "alice", 0..3000);
    for n in 0..3000 {
        assert_eq!(alice.hears().await, format!("you said: {n}"));
    }
}

/// Some messages and answers are under way when the connection is cut, others come while there is none.
#[tokio::test]
async fn cut_connections() {
    let server = serve("127.0.0.1:0", config()).await;
    let proxy = Proxy::start(server.local_addr());
    let _bot = Example::bot(&proxy.url());
    let mut alice = Someone::sign_in(&server).await;
    alice.wait_for_bots(&server, 1).await;
    for cut in 0..3 {
        alice.posts(&server, "alice", cut * 100..cut * 100 + 80);
        // The bot is in the midst of them.
        assert_eq!(alice.hears().await, format!("you said: {}", cut * 100));
        proxy.cut();
        alice.wait_for_bots(&server, 0).await;
        alice.posts(&server, "alice", cut * 100 + 80..cut * 100 + 100);
        proxy.mend();
        for n in cut * 100 + 1..cut * 100 + 100 {
            assert_eq!(alice.hears().await, format!("you said: {n}"));
        }
    }
    // Nothing comes twice.
    alice.says("after").await;
    assert_eq!(alice.hears().await, "you said: after");
}

#[tokio::test]
async fn a_restart_of_the_server() {
    let server = serve("127.0.0.1:0", config()).await;
    let address = server.local_addr().to_string();
    let _bot = Example::bot(&server.url());
    let mut alice = Someone::sign_in(&server).await;
    alice.wait_for_bots(&server, 1).await;
    alice.says("before").await;
    assert_eq!(alice.hears().await, "you said: before");
    server.shut_down("until soon").await;
    let server = serve(&address, config()).await;
    let mut alice = Someone::sign_in(&server).await;
    alice.wait_for_bots(&server, 1).await;
    alice.says("after").await;
    assert_eq!(alice.hears().await, "you said: after");
}

#[tokio::test]
async fn a_twin() {
    let server = serve("127.0.0.1:0", config()).await;
    let _bots = [Example::bot(&server.url()), Example::bot(&server.url())];
    let mut alice = Someone::sign_in(&server).await;
    alice.wait_for_bots(&server, 2).await;
    for n in 0..10 {
        alice.says(&n.to_string()).await;
        // Their keys are the same.
        assert_eq!(alice.hears().await, format!("you said: {n}"));
    }
    let history = alice.client.get_history("bot").await.unwrap();
    assert_eq!(history.len(), 20);
}

#[tokio::test]
async fn it_ends_when_it_is_not_let_in_any_more() {
    let server = serve("127.0.0.1:0", config()).await;
    let address = server.local_addr();
    let mut bot = Example::bot(&server.url());
    let alice = Someone::sign_in(&server).await;
    alice.wait_for_bots(&server, 1).await;
    server.shut_down("until soon").await;
    let mut machine = server::Server::new(ServerConfig::default(), random_seed().unwrap());
    machine.add_user("bot", "another password").unwrap();
    let _server = Server::bind(address, machine).await.unwrap();
    assert!(bot.complaint().await.contains("refused to sign the user in again"));
    assert!(!bot.succeeds().await);
}
