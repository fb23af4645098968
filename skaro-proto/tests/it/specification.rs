//! PROTOCOL.md tells no lies: its examples are messages, its numbers are those of the default configuration.

use skaro_proto::message::{ClientMessage, Request, ServerMessage};
use skaro_proto::server::{GuessLimit, Rate};
use skaro_proto::{Format, Frame, NESTING, SESSION_LIFETIME, auth, client, server};

const SPECIFICATION: &str = include_str!("../../PROTOCOL.md");

/// The lines that begin with this.
fn examples(sender: &str) -> Vec<&'static str> {
    let examples: Vec<_> = SPECIFICATION.lines().filter_map(|line| line.strip_prefix(sender)).collect();
    assert!(!examples.is_empty(), "{sender}");
    examples
}

#[test]
fn examples_are_written_as_they_stand_there() {
    for example in examples("C: ") {
        let message = ClientMessage::decode(Frame::Text(example)).expect(example);
        assert_eq!(message.encode(Format::Json), example.as_bytes(), "{example}");
    }
    for example in examples("S: ") {
        let message = ServerMessage::decode(Frame::Text(example)).expect(example);
        assert_eq!(message.encode(Format::Json), example.as_bytes(), "{example}");
    }
}

/// The bytes of the worked example, in which the middle of the proof is left out.
#[test]
fn the_worked_example_is_right() {
    let proof = auth::proof("correct horse", "3a0cf1b2c7d94e53");
    assert!(SPECIFICATION.contains(&format!("| `{proof}` |")));
    let request = Request::Authorize {
        login: "alice".into(),
        proof: proof.as_str().into(),
        since: None,
        log: None,
        presence: false,
    };
    let bytes = ClientMessage::new(1, request).encode(Format::Cbor);
    assert!(SPECIFICATION.contains(&format!("As CBOR, {} bytes", bytes.len())));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let dump =
        SPECIFICATION.lines().skip_while(|line| !line.starts_with("a4 ")).take_while(|line| *line != "```");
    let digits: String = dump
        .filter_map(|line| line.trim_start().split("  ").next())
        .flat_map(str::split_whitespace)
        .collect();
    let shortened = format!("{}…{}", &hex(proof.as_bytes())[..8], &hex(proof.as_bytes())[248..]);
    assert!(digits.contains(&shortened), "{digits}");
    assert_eq!(digits.replace(&shortened, &hex(proof.as_bytes())), hex(&bytes));
}

fn guesses(what: &str, limit: GuessLimit) -> String {
    let GuessLimit { free, delay, max_delay, forget_after, .. } = limit;
    let [delay, most, forgotten] = [delay, max_delay, forget_after].map(|time| time.as_secs());
    format!(
        "{what} | | {free}, then a delay of {delay} s, doubled with each up to {most} s: 429; one is forgotten every {forgotten} s |"
    )
}

fn rate(what: &str, rate: Rate) -> String {
    format!("{what} | | {} per second, {} at once", rate.per_second, rate.burst)
}

#[test]
fn numbers_are_those_of_the_default_configuration() {
    let (client, server) = (client::ClientConfig::default(), server::ServerConfig::default());
    let (ours, theirs) = (&client.limits, &server.limits);
    let backoff = client.reconnect.as_ref().unwrap();
    let (client_silence, server_silence) = (client.keep_alive.unwrap() / 2, server.keep_alive / 2);
    assert_eq!((client.session_lifetime, server.session_lifetime), (SESSION_LIFETIME, SESSION_LIFETIME));
    assert_eq!(
        (ours.max_login_bytes, ours.max_password_bytes, ours.max_body_bytes),
        (theirs.max_login_bytes, theirs.max_password_bytes, theirs.max_body_bytes)
    );
    for row in [
        format!(
            "a frame received | {} bytes: an error; over the adapters the connection is dropped | {} bytes: `error`, 1009 |",
            ours.max_frame_bytes, theirs.max_frame_bytes
        ),
        format!("nesting of a frame | {NESTING} levels | {NESTING} levels |"),
        format!(
            "login | {} bytes, sent or received in `user` | {} bytes when",
            ours.max_login_bytes, theirs.max_login_bytes
        ),
        format!("password | {} bytes | {} bytes when", ours.max_password_bytes, theirs.max_password_bytes),
        format!(
            "body of a message sent | {} bytes | {} bytes: 413 |",
            ours.max_body_bytes, theirs.max_body_bytes
        ),
        format!("token, session id | {} bytes, sent or received | 32 bytes,", ours.max_secret_bytes),
        format!("unanswered requests | {} |", ours.max_requests),
        format!(
            "bytes that wait to be sent | {}: no more commands | {}: the",
            ours.max_queued_bytes, theirs.max_queued_bytes
        ),
        format!(
            "a frame received before somebody has signed in | | {} bytes: `error`, 1009 |",
            server.max_stranger_frame_bytes
        ),
        format!(
            "wait to be sent before somebody has signed in | | {}: the",
            server.max_stranger_queued_bytes
        ),
        guesses("wrong passwords from one address", server.guesses_per_address.unwrap()),
        guesses("wrong passwords for one login", server.guesses_per_login.unwrap()),
        rate("frames of one user, on all connections together", server.frame_rate.unwrap()),
        rate("messages of one user", server.message_rate.unwrap()),
        format!("connections from one address | | {}: dropped", server.max_connections_per_address.unwrap()),
        format!("opening handshakes | | {}: the", server.max_handshakes.unwrap()),
        format!("opening handshakes included | | {}: the", server.max_strangers.unwrap()),
        format!("users and connections | | {} bytes: the oldest", server.max_memory.unwrap()),
        format!("of what waits to be sent | | {} s, then", server.write_timeout.unwrap().as_secs()),
        format!(
            "with the opening handshake | {} s | {} s |",
            client.dial_timeout.as_secs(),
            server.handshake_timeout.as_secs()
        ),
        format!("refused attempts to sign in | | {} |", server.max_sign_in_attempts),
        format!("frames without sense | | {} |", server.max_invalid_frames),
        format!("connections | | {} |", server.max_connections),
        format!("connections of one user, by `authorize` | | {}: 429 |", server.max_connections_per_user),
        format!("sessions of one user | | {} |", server.max_sessions_per_user),
        format!("contacts listed | | {} |", server.max_contacts),
        format!(
            "messages kept of a dialog | | {}, and {} bytes of bodies |",
            server.max_dialog_messages, server.max_dialog_bytes
        ),
        format!(
            "entries kept of an account | | {}, and {} bytes of bodies |",
            server.max_log_entries, server.max_log_bytes
        ),
        format!("keys kept of a sender | | {};", server.max_keys),
        format!(
            "messages in a history's answer | | {}, and {} bytes |",
            server.max_history_messages, server.max_answer_bytes
        ),
        format!("connecting, with the opening handshake | {} s |", client.dial_timeout.as_secs()),
        format!("`check_connection` | {} s, then", client.greeting_timeout.as_secs()),
        format!("somebody signs in | | {} s, then", server.sign_in_timeout.as_secs()),
        format!("the answer to a request | {} s, then", client.request_timeout.as_secs()),
        format!(
            "silence until a ping is sent | {} s | {} s |",
            client_silence.as_secs(),
            server_silence.as_secs()
        ),
        format!("dropped | {} s | {} s |", client_silence.as_secs(), server_silence.as_secs()),
        format!(
            "the closing handshake | {} s | {} s |",
            client.close_timeout.as_secs(),
            server.close_timeout.as_secs()
        ),
        format!(
            "connection | {} s | {} s |",
            client.session_lifetime.as_secs(),
            server.session_lifetime.as_secs()
        ),
        format!(
            "up to {} s doubled with each failure, at most {} s |",
            backoff.base.as_secs(),
            backoff.cap.as_secs()
        ),
        format!("once a connection has lasted {} s.", backoff.stable_after.as_secs()),
    ] {
        assert!(SPECIFICATION.contains(&row), "PROTOCOL.md lacks: {row}");
    }
}
