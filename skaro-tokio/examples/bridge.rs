//! A bridge between one dialog and standard input and output: lines from the input are sent, and received messages are
//! printed. The other end of the pipes may be another chat.
//!
//! ```console
//! $ SKARO_PASSWORD=secret cargo run --example bridge -- \
//!     ws://127.0.0.1:8000/skaro_client/ bridge bob
//! ```

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use skaro_tokio::{Client, Event, Options};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().collect();
    let [_, url, login, to] = &*arguments else { return Err("usage: bridge URL LOGIN TO".into()) };
    let password = std::env::var("SKARO_PASSWORD")?;
    let mut options = Options::new(url);
    // Lines wait for the end of a break, however long it is.
    options.config.message_timeout = Duration::MAX;
    let (client, mut events) = Client::connect(options).await?;
    client.authorize(login, &password).await?;

    let other = to.clone();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if let Event::Message(incoming) = event
                && incoming.dialog() == other
                && !incoming.is_own()
            {
                // One line for each message. A closed output is ignored, as nobody reads it.
                let line = incoming.message.body.replace('\n', "\\n");
                _ = writeln!(std::io::stdout(), "{line}");
            }
        }
    });
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if let Err(error) = client.send_message(to, &line).await {
            eprintln!("not sent: {error}");
        }
    }
    client.close().await;
    Ok(())
}
