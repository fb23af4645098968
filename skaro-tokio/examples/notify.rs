//! Sends one message and ends: for scripts, and as a model for programs that send notifications.
//!
//! ```console
//! $ SKARO_PASSWORD=secret cargo run --example notify -- \
//!     ws://127.0.0.1:8000/skaro_client/ alice bob "it is done"
//! ```

use std::error::Error;

use skaro_tokio::{Client, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().collect();
    let [_, url, login, to, text] = &*arguments else { return Err("usage: notify URL LOGIN TO TEXT".into()) };
    let password = std::env::var("SKARO_PASSWORD")?;

    let mut options = Options::new(url);
    // The caller wants to know now, not when the server is back.
    options.config.reconnect = None;
    let (client, events) = Client::connect(options).await?;
    // This program ignores messages from others.
    drop(events);
    client.authorize(login, &password).await?;
    // Once this returns the server has the message; an error tells whether it may have it.
    client.send_message(to, text).await?;
    client.close().await;
    Ok(())
}
