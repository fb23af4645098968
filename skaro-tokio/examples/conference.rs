//! A conference with a moderator, who greets new members and removes those who swear: registering, founding, members.
//!
//! ```console
//! $ cargo run --example conference
//! ```

use std::error::Error;
use std::io::{self, Write};

use skaro_tokio::proto::server;
use skaro_tokio::{
    Client, ContactState, Event, Fields, Register, Registration, Server, UpdateMyData, random_seed,
};

/// Registers a user, whose name is the login in capitals, and signs in.
async fn register(url: &str, login: &str) -> Result<(Client, skaro_tokio::Events), Box<dyn Error>> {
    let (client, events) = Client::connect(url).await?;
    let profile: Fields<'_> = [("name", login.to_uppercase().into())].into_iter().collect();
    // The password is sent, so this works over `wss:` or on one machine only.
    client.request(Register { profile: Some(profile), ..Register::new(login, "secret") }).await?;
    client.authorize(login, "secret").await?;
    Ok((client, events))
}

/// Moderates until a member was removed.
async fn moderate(client: &Client, mut events: skaro_tokio::Events) -> Result<String, Box<dyn Error>> {
    while let Some(event) = events.next().await {
        match event {
            // A user has joined.
            Event::ChangedUserData(changed) if changed.state == Some(ContactState::Listed) => {
                let user = client.get_user_data(&changed.member.unwrap_or_default()).await?;
                let name = user.name().unwrap_or_else(|| user.login.to_string());
                client.send_message("#kitchen", &format!("welcome, {name}")).await?;
            }
            Event::Message(said) if said.message.body.contains("damn") => {
                client.remove_member(said.dialog(), &said.message.from.login).await?;
                return Ok(said.message.from.login.into_owned());
            }
            _ => {}
        }
    }
    Err("the client was closed".into())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut config = server::ServerConfig::default();
    config.registration = Registration::Open;
    config.users_found_conferences = true;
    let server = Server::bind("127.0.0.1:0", server::Server::new(config, random_seed()?)).await?;

    let (anna, events) = register(&server.url(), "anna").await?;
    anna.add_contact("#kitchen").await?;
    let open: Fields<'_> =
        [("status_text", "what to cook".into()), ("public", true.into())].into_iter().collect();
    let login = Some("#kitchen");
    anna.request(UpdateMyData { login, profile: Some(open), ..UpdateMyData::default() }).await?;
    let moderator = async { moderate(&anna, events).await };
    let guest = async {
        let (ben, mut events) = register(&server.url(), "ben").await?;
        ben.add_contact("#kitchen").await?;
        while let Some(event) = events.next().await {
            if let Event::Message(greeting) = event {
                writeln!(io::stdout(), "{}: {}", greeting.message.from.login, greeting.message.body)?;
                ben.send_message("#kitchen", "damn, it burns").await?;
                break;
            }
        }
        Ok::<_, Box<dyn Error>>(())
    };
    let (removed, ()) = tokio::try_join!(moderator, guest)?;
    let kitchen = anna.get_user_data("#kitchen").await?;
    writeln!(io::stdout(), "removed {removed}; left: {}", kitchen.members().unwrap_or_default().len())?;
    server.shut_down("closing time").await;
    Ok(())
}
