//! The bot, without its connection: it answers each message until somebody tells it to stop.

use skaro_proto::Time;
use skaro_proto::client::{Client, ClientConfig, CommandError, Event};

pub(crate) struct Bot {
    pub(crate) url: String,
    pub(crate) config: ClientConfig,
    login: String,
    password: String,
}

impl Bot {
    /// Creates a bot from the command line: a URL, a login, a password.
    pub(crate) fn from_args() -> Result<Bot, String> {
        let mut args = std::env::args().skip(1);
        let mut arg = || args.next().ok_or("usage: URL LOGIN PASSWORD");
        let (url, login, password) = (arg()?, arg()?, arg()?);
        let mut config = ClientConfig::default();
        // So that the machine can sign in again if its session can't be restored after a reconnection.
        config.keep_credentials = true;
        Ok(Bot { url, config, login, password })
    }

    /// Reacts to an event with commands.
    pub(crate) fn react(
        &self,
        client: &mut Client,
        now: Time,
        event: &Event<'_>,
    ) -> Result<(), CommandError> {
        match event {
            Event::Connected { .. } if client.user().is_none() => {
                client.authorize(now, &self.login, &self.password)?;
            }
            Event::Ended(ended) => match &ended.outcome {
                Ok(_) => println!("{}: done", ended.ticket.kind()),
                Err(failure) => println!("{}: {failure}", ended.ticket.kind()),
            },
            Event::Message(incoming) if incoming.is_own() => (),
            Event::Message(incoming) if incoming.message.body == "stop" => client.close(now),
            Event::Message(incoming) => {
                let message = &incoming.message;
                println!("{}: {}", message.from.login, message.body);
                client.send_message(now, incoming.dialog(), &format!("you said: {}", message.body), None)?;
            }
            Event::GaveUp => client.close(now),
            other => println!("{other:?}"),
        }
        Ok(())
    }
}
