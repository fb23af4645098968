//! The guide's examples: client and server over another runtime, smol, and a client in one thread without async.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../examples/driver.rs"]
#[allow(dead_code, reason = "its main function")]
mod driver;
#[path = "../examples/smol.rs"]
#[allow(dead_code, reason = "its main function")]
mod over_smol;

use std::net::SocketAddr;

use over_smol::Smol;
use skaro_adapter::asynchronous::{Client, Events, Server};
use skaro_adapter::prelude::{Event, Options, proto::server, random_seed};

async fn serve(address: &str) -> Server<Smol> {
    // Servers with one seed would give the same session ids, to different users.
    let mut machine = server::Server::new(server::ServerConfig::default(), random_seed().unwrap());
    machine.add_user("alice", "secret").unwrap();
    machine.add_user("bob", "secret").unwrap();
    Server::bind(address, machine).await.unwrap()
}

async fn alice(url: &str) -> (Client<Smol>, Events) {
    let (client, events) = Client::connect(url).await.unwrap();
    client.authorize("alice", "secret").await.unwrap();
    (client, events)
}

/// Says something to the bot as soon as it is there, and reads its answer.
async fn says(server: &Server<Smol>, (client, events): &mut (Client<Smol>, Events), body: &str) {
    while !server.with(|machine, _| machine.is_online("bob")) {
        smol::future::yield_now().await;
    }
    client.send_message("bob", body).await.unwrap();
    loop {
        match events.next().await.unwrap() {
            Event::Message(incoming) if !incoming.is_own() => {
                return assert_eq!(incoming.message.body, format!("you said: {body}"));
            }
            _ => {}
        }
    }
}

#[test]
fn a_bot_over_smol() {
    talks(|url| smol::block_on(over_smol::bot(&url, "bob", "secret")).unwrap());
}

#[test]
fn a_bot_in_one_thread() {
    talks(|url| {
        let mut options = Options::new(url);
        options.config.keep_credentials = true;
        driver::bot(options, "bob", "secret").unwrap();
    });
}

/// The bot answers, comes back after the server's restart, and stops.
fn talks(bot: fn(String)) {
    smol::block_on(async {
        let server = serve("127.0.0.1:0").await;
        let (url, address): (_, SocketAddr) = (server.url(), server.local_addr());
        let running = {
            let url = url.clone();
            smol::unblock(move || bot(url))
        };
        says(&server, &mut alice(&url).await, "hello").await;

        server.shut_down("until soon").await;
        let server = serve(&address.to_string()).await;
        let mut alice = alice(&url).await;
        says(&server, &mut alice, "hello again").await;
        alice.0.send_message("bob", "stop").await.unwrap();
        running.await;
    });
}

#[test]
fn the_guide_has_the_examples_word_for_word() {
    let examples = [
        (include_str!("../examples/smol.rs"), "/// The runtime smol"),
        (include_str!("../examples/driver.rs"), "/// Drives a client"),
    ];
    for (example, start) in examples {
        let (_, shown) = example.split_at(example.find(start).unwrap());
        let (shown, _) = shown.split_once("/// Answers each message").unwrap();
        assert!(include_str!("../GUIDE.md").contains(shown.trim_end()), "{start}");
    }
}
