//! Forwards each message to one user exactly once, over breaks of the connection and restarts of this program. A file
//! has the place in the log, and the messages that have not ended, with their keys.
//!
//! ```console
//! $ SKARO_PASSWORD=secret cargo run --example exactly_once -- \
//!     ws://127.0.0.1:8000/skaro_client/ bot alice state.json
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::time::Duration;

use skaro_tokio::{Client, Event, LogStart, Options, SendMessage};

/// The place in the log behind the last event that was handled, and the messages that have not ended: key, number,
/// text.
type State = (Option<(String, u64)>, Vec<(String, u64, String)>);

/// Writes a file beside the old one, and renames it into its place: at any moment there is one whole state.
fn save(path: &str, state: &State) -> Result<(), Box<dyn Error>> {
    let beside = format!("{path}.new");
    let mut file = File::create(&beside)?;
    file.write_all(&serde_json::to_vec(state)?)?;
    file.sync_all()?;
    Ok(fs::rename(beside, path)?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().collect();
    let [_, url, login, to, path] = &*arguments else { return Err("usage: URL LOGIN TO FILE".into()) };
    let password = std::env::var("SKARO_PASSWORD")?;
    let mut state = State::default();
    if fs::exists(path)? {
        state = serde_json::from_slice(&fs::read(path)?)?;
    }
    let mut options = Options::new(url);
    if let Some((log, position)) = state.0.clone() {
        options.config.log = LogStart::Since { log, position };
    }
    options.config.message_timeout = Duration::MAX; // Nothing ends only because a break is long.
    let mut place = options.config.log.clone();
    let (client, mut events) = Client::connect(options).await?;
    client.authorize(login, &password).await?;

    let send = |(key, number, body): &(String, u64, String)| {
        client.submit(SendMessage { to, body, marker: Some(*number), key: Some(key) })
    };
    // First the messages that an earlier run left, in order, with the same keys.
    state.1.iter().try_for_each(|open| send(open).map(drop))?;
    while let Some(event) = events.next().await {
        place.follow(&event);
        if let LogStart::Since { log, position } = &place {
            state.0 = Some((log.clone(), *position));
        }
        let mut is_new = false;
        match event {
            Event::Message(incoming) if !incoming.is_own() && incoming.dialog() != to => {
                let position = incoming.message.position.ok_or("this server keeps no logs")?;
                state.1.push((format!("forward-{position}"), position, incoming.message.body.into_owned()));
                is_new = true;
            }
            Event::Ended(ended) => {
                ended.outcome.map_or_else(|failure| eprintln!("{failure}"), drop);
                state.1.retain(|(_, number, _)| Some(*number) != ended.ticket.marker());
            }
            Event::SignedOut { reason } => return Err(reason.to_string().into()),
            _ => {}
        }
        save(path, &state)?;
        // Only once the message is in the file. An error ends the program, and the next run continues from here.
        if is_new {
            state.1.last().map(send).transpose()?;
        }
    }
    Ok(())
}
