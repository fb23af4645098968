//! A server and two clients in one process: a start for tests of programs that chat.
//!
//! ```console
//! $ cargo run --example embedded
//! ```

use std::error::Error;

use skaro_tokio::proto::server;
use skaro_tokio::{Client, Event, Server, random_seed};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut machine = server::Server::new(server::ServerConfig::default(), random_seed()?);
    machine.add_user("alice", "correct horse")?;
    machine.add_user("bob", "battery staple")?;
    // The system chooses a port, so that any number of tests run at once.
    let server = Server::bind("127.0.0.1:0", machine).await?;

    let (alice, _) = Client::connect(server.url()).await?;
    alice.authorize("alice", "correct horse").await?;
    let (bob, mut events) = Client::connect(server.url()).await?;
    bob.authorize("bob", "battery staple").await?;
    alice.send_message("bob", "hello").await?;
    while let Some(event) = events.next().await {
        if let Event::Message(incoming) = event {
            assert_eq!((incoming.dialog(), &*incoming.message.body), ("alice", "hello"));
            break;
        }
    }
    // The running server can be inspected.
    assert!(server.with(|machine, _now| machine.is_online("alice")));
    server.shut_down("the test is over").await;
    Ok(())
}
