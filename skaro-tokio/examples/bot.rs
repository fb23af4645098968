//! The README's bot, word for word: it answers everybody, and is there again after whatever happens.
//!
//! ```console
//! $ cargo run -p skaro-tokio --example bot
//! ```

use skaro_tokio::{Client, Event};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("ws://127.0.0.1:8000/skaro_client/".into());
    let (bot, mut events) = Client::connect(url).await?;
    bot.authorize("bot", "correct horse").await?;
    while let Some(event) = events.next().await {
        match event {
            Event::Message(incoming) if !incoming.is_own() => {
                let answer = format!("you said: {}", incoming.message.body);
                if let Err(error) = bot.send_message(incoming.dialog(), &answer).await {
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
