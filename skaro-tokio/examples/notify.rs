//! Sends one message, and ends: for scripts, and as a model for programs that now and then have something to tell.
//!
//! ```console
//! $ SKARO_PASSWORD=secret cargo run -p skaro-tokio --example notify -- \
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
    // Whoever started this wants to know now, not when the server is back.
    options.config.reconnect = None;
    let (client, events) = Client::connect(options).await?;
    // What others write meanwhile is not for this program.
    drop(events);
    client.authorize(login, &password).await?;
    // From here on the server has the message, or the error says whether it may have it.
    client.send_message(to, text).await?;
    client.close().await;
    Ok(())
}
