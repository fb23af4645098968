//! A server in this process, with a few users, some history, and a user who answers messages.

use std::fmt::Display;

use skaro_proto::Time;
use skaro_proto::client::Event;
use skaro_proto::message::{ContactState, Registration};
use skaro_proto::server::{self, UserError};
use skaro_tokio::{Client, Events, Options, Server};

use super::echo_bot::EchoBot;
use crate::exit::{Exit, Fault};
use crate::serve;
use crate::text::Shown;

/// The default login.
pub(crate) const USER: &str = "alice";
/// The password of all users. Only this process should connect, so it protects nothing.
pub(crate) const PASSWORD: &str = "demo";
/// The user who answers messages.
const FRIEND: &str = "bob";

const HISTORY: [(&str, &str, &str); 6] = [
    ("carol", USER, "Are you coming to the library on Saturday?"),
    (USER, "carol", "I'll be there at ten."),
    ("carol", USER, "Bring the blue folder, please."),
    (FRIEND, USER, "Have you tried that new chat?"),
    (USER, FRIEND, "Not yet. How do I begin?"),
    (FRIEND, USER, "Just type something. I'll answer."),
];

/// A server that is shut down when this is dropped.
pub(crate) struct Demo {
    server: Server,
}

impl Demo {
    /// Starts the server and the user who answers.
    pub(crate) async fn start() -> Result<Self, Fault> {
        let mut config = server::ServerConfig::default();
        // All of it can be tried at once.
        config.registration = Registration::Open;
        config.users_found_conferences = true;
        let machine = serve::machine(config)?;
        let unusable =
            |error: &dyn Display| Fault::new(Exit::System, format!("can't start a server: {error}"));
        let server = Server::bind("127.0.0.1:0", machine).await.map_err(|error| unusable(&error))?;
        server.with(furnish).map_err(|error| unusable(&error))?;
        let mut options = Options::new(server.url());
        // The server is in this process, so a reconnection is never possible.
        options.config.reconnect = None;
        let (friend, events) = Client::connect(options).await?;
        friend.authorize(FRIEND, PASSWORD).await?;
        tokio::spawn(answer(friend, events));
        Ok(Demo { server })
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Returns a bot that answers this user, with a hint to show. `None` for the bot itself.
    pub(crate) fn bot(user: &str) -> Option<EchoBot> {
        let hint = Shown::from("This is a server inside this program; ")
            .plain(FRIEND)
            .plain(" is there, and answers.");
        let hint = hint.line().plain("Type something to write to ").plain(FRIEND);
        let hint = hint.plain(". /help tells what else you can do.");
        (user != FRIEND).then(|| EchoBot::new(FRIEND.into(), hint))
    }
}

/// Adds users who know each other, and their messages.
fn furnish(machine: &mut server::Server, now: Time) -> Result<(), UserError> {
    for login in [USER, FRIEND, "carol", "dave"] {
        machine.add_user(login, PASSWORD)?;
    }
    machine.introduce(USER, "dave")?;
    for (from, to, body) in HISTORY {
        machine.post(now, from, to, body)?;
    }
    Ok(())
}

/// Answers each message as long as the connection lasts, and accepts contact requests and invitations to conferences.
async fn answer(friend: Client, mut events: Events) {
    let mut count = 0;
    while let Some(event) = events.next().await {
        if let Event::Contact(change) = &event
            && change.state == ContactState::Asks
        {
            _ = friend.add_contact(&change.login).await;
        }
        let Event::Message(incoming) = event else { continue };
        if incoming.is_own() {
            continue;
        }
        let words = reply(count, &incoming.message.from.login, &incoming.message.body);
        count += 1;
        // An error only means that the user sent more than the server allows.
        _ = friend.send_message(incoming.dialog(), &words).await;
    }
}

/// Returns a short, friendly reply.
fn reply(count: usize, from: &str, text: &str) -> String {
    const PLAIN: [&str; 5] = [
        "Tell me more!",
        "I like the sound of that.",
        "Oh, really? Go on.",
        "Noted. And what happened then?",
        "That's what I think, too.",
    ];
    let text = text.to_lowercase();
    let says = |words: &[&str]| text.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word));
    if says(&["hello", "hi", "hey"]) {
        format!("Hello {from}! Nice to hear from you.")
    } else if says(&["bye", "goodbye"]) {
        format!("Goodbye {from}, see you soon!")
    } else if says(&["thanks", "thank"]) {
        "You're welcome!".into()
    } else if text.trim_end().ends_with('?') {
        "Good question. What do you think?".into()
    } else {
        PLAIN.get(count % PLAIN.len()).copied().unwrap_or_default().into()
    }
}
