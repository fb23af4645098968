//! A server, and somebody who talks to the bot.

use std::ops::Range;
use std::time::Duration;

use skaro_tokio::proto::server::{self, ServerConfig};
use skaro_tokio::{Client, Event, Events, Server, random_seed};
use tokio::time::{sleep, timeout};

/// Long enough for a slow machine; whatever takes longer hangs.
pub(crate) const WAIT: Duration = Duration::from_secs(30);

pub(crate) fn config() -> ServerConfig {
    let mut config = ServerConfig::default();
    config.open_directory = true;
    config
}

pub(crate) async fn serve(address: &str, config: ServerConfig) -> Server {
    let mut machine = server::Server::new(config, random_seed().unwrap());
    machine.add_user("bot", "correct horse").unwrap();
    machine.add_user("alice", "secret").unwrap();
    machine.add_user("carol", "secret").unwrap();
    Server::bind(address, machine).await.unwrap()
}

/// Alice, who is signed in.
pub(crate) struct Someone {
    pub(crate) client: Client,
    events: Events,
}

impl Someone {
    pub(crate) async fn sign_in(server: &Server) -> Someone {
        let (client, events) = Client::connect(server.url()).await.unwrap();
        client.authorize("alice", "secret").await.unwrap();
        Someone { client, events }
    }

    /// Waits until so many bots are signed in.
    pub(crate) async fn wait_for_bots(&self, server: &Server, count: usize) {
        // Each bot has one session, and so has Alice.
        let is_so = || match count {
            0 => server.with(|machine, _| !machine.is_online("bot")),
            _ => server.with(|machine, _| machine.is_online("bot") && machine.sessions() > count),
        };
        let wait = async {
            while !is_so() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(WAIT, wait).await.expect("the bots do not come, or do not go");
    }

    pub(crate) async fn says(&self, body: &str) {
        self.client.send_message("bot", body).await.unwrap();
    }

    /// Numbers for the bot, all at once.
    pub(crate) fn posts(&self, server: &Server, from: &str, numbers: Range<usize>) {
        server.with(|machine, now| {
            for n in numbers {
                machine.post(now, from, "bot", &n.to_string()).unwrap();
            }
        });
    }

    /// The next message that the bot sends.
    pub(crate) async fn hears(&mut self) -> String {
        let next = async {
            loop {
                match self.events.next().await.expect("closed") {
                    Event::Message(incoming) if !incoming.is_own() => {
                        return incoming.message.body.into_owned();
                    }
                    _ => (),
                }
            }
        };
        timeout(WAIT, next).await.expect("nothing is heard")
    }
}
