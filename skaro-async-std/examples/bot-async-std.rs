//! The README's bot over async-std: it answers everybody, and is there again after whatever happens.
//!
//! ```console
//! $ cargo run --example bot-async-std
//! ```

use std::time::Duration;

use skaro_async_std::{Client, Event, Options, SendMessage};

#[async_std::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("ws://127.0.0.1:8000/skaro_client/".into());
    let mut options = Options::new(url);
    options.config.message_timeout = Duration::MAX; // Answers wait however long a break is.
    let (bot, mut events) = Client::connect(options).await?;
    bot.authorize("bot", "correct horse").await?;
    while let Some(event) = events.next().await {
        match event {
            Event::Message(incoming) if !incoming.is_own() => {
                let answer = format!("you said: {}", incoming.message.body);
                // However often this answer is sent, it arrives once.
                let key = incoming.message.position.map(|position| format!("answer-{position}"));
                let answer =
                    SendMessage { key: key.as_deref(), ..SendMessage::new(incoming.dialog(), &answer) };
                if let Err(error) = bot.request(answer).await {
                    eprintln!("no answer to {}: {error}", incoming.dialog());
                }
            }
            // The server does not let the bot in any more.
            Event::SignedOut { reason } => return Err(reason.to_string().into()),
            _ => {}
        }
    }
    Ok(())
}
