//! The README's bot, word for word: it answers everybody, and is there again after whatever happens.
//!
//! ```console
//! $ cargo run --example bot
//! ```

use futures_util::StreamExt;
use skaro_async_std::proto::client::{Event, Status};
use skaro_async_std::{Client, Options};

#[async_std::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("ws://127.0.0.1:8000/skaro_client/".into());
    let mut options = Options::new(url);
    options.config.keep_credentials = true;
    let (bot, mut events) = Client::connect(options).await?;
    bot.authorize("bot", "correct horse").await?;
    while let Some(event) = events.next().await {
        match (event, bot.with(|client| client.status())) {
            (Event::Message { dialog, message }, _) if message.from.login != "bot" => {
                let answer = format!("you said: {}", message.body);
                if let Err(error) = bot.send_message(&dialog, &answer).await {
                    eprintln!("no answer to {dialog:?}: {error}");
                }
            }
            // Nobody is signed in, or about to be: the server does not let the bot in any more.
            (_, Status::Connected | Status::Offline) => break,
            _ => {}
        }
    }
    Err("signed out for good".into())
}
