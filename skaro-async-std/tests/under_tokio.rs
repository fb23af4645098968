//! The adapter's futures run under tokio as well, as the guide says: async-std's threads do the I/O.
#![allow(clippy::unwrap_used, reason = "a test")]

use skaro_async_std::{Client, Event, Server, proto::server, random_seed};

#[test]
fn client_and_server_run_under_tokio() {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let mut machine = server::Server::new(server::ServerConfig::default(), random_seed().unwrap());
        machine.add_user("alice", "secret").unwrap();
        let server = Server::bind("127.0.0.1:0", machine).await.unwrap();
        let (alice, mut events) = Client::connect(server.url()).await.unwrap();
        let signed_in = alice.authorize("alice", "secret").await.unwrap();
        assert_eq!(signed_in.user.login, "alice");
        assert!(alice.with(skaro_async_std::proto::Client::is_confidential), "it is this machine");
        assert!(matches!(events.next().await, Some(Event::Connected { .. })));
        server.shut_down("that is all").await;
    });
}
