//! Endpoints by themselves: a service of one's own over them, and what holds without any service.

use std::collections::BTreeMap;
use std::time::Duration;

use skaro_proto::auth::{self, Verifier};
use skaro_proto::client::{Client, ClientConfig, Disconnect, Event};
use skaro_proto::message::{Answer, Message, Refusal, Request, ServerMessage, SignedIn, StatusCode, User};
use skaro_proto::server::{Closed, ConnectionId, Endpoint, Rate, ServerConfig};
use skaro_proto::{CloseCode, Format, Frame, Secret, Time, Transmit};

use crate::support::{Sent, secs};

const NOW: Time = Time::ZERO;
const TOKEN: &str = "a random text";

/// A service that keeps nothing: it knows some users, and passes on what one says to another who is here.
struct Relay {
    config: ServerConfig,
    users: BTreeMap<&'static str, Verifier>,
    endpoints: Vec<Endpoint<String>>,
}

impl Relay {
    fn new(logins: &[&'static str]) -> Relay {
        let users = logins.iter().map(|login| (*login, Verifier::new(login))).collect();
        Relay { config: ServerConfig::default(), users, endpoints: Vec::new() }
    }

    fn accept(&mut self, format: Format) {
        let id = ConnectionId::new(self.endpoints.len() as u64);
        let mut endpoint = Endpoint::new(id, NOW, &self.config);
        endpoint.handle_connected(NOW, &self.config, Some(format), Secret::from(TOKEN), &[]);
        self.endpoints.push(endpoint);
    }

    fn handle_frame(&mut self, n: usize, frame: Frame<'_>) {
        let message = self.endpoints[n].handle_frame(NOW, &self.config, frame).unwrap().unwrap();
        let (number, kind) = (message.on_request, message.request.kind().to_owned());
        let outcome = match &message.request {
            Request::Authorize { login, proof, .. } => self.authorize(n, login, proof),
            Request::SendMessage { to, body, .. } => self.pass_on(n, to, body),
            _ => Err((501, "nothing but messages")),
        };
        let outcome = outcome.map_err(|(status, info)| Refusal::new(Some(StatusCode::new(status)), info));
        let (endpoint, config) = (&mut self.endpoints[n], &self.config);
        match outcome {
            Err(refusal) if kind == "authorize" => {
                endpoint.refuse_sign_in(NOW, config, number, &kind, refusal);
            }
            outcome => endpoint.answer(NOW, config, number, &kind, outcome),
        }
    }

    fn authorize(
        &mut self,
        n: usize,
        login: &str,
        proof: &str,
    ) -> Result<Answer<'static>, (u16, &'static str)> {
        let endpoint = &mut self.endpoints[n];
        let is_proven = self.users.get(login).is_some_and(|verifier| endpoint.proves(verifier, proof));
        if !is_proven {
            return Err((401, "no"));
        }
        endpoint.sign_in(login.into()).map_err(|_| (409, "once"))?;
        Ok(Answer::Authorized(SignedIn::new("a random id", User::new(login.to_owned()))))
    }

    fn pass_on(&mut self, n: usize, to: &str, body: &str) -> Result<Answer<'static>, (u16, &'static str)> {
        let from = self.endpoints[n].session().ok_or((401, "sign in first"))?.clone();
        let other = self.endpoints.iter_mut().find(|it| it.session().is_some_and(|login| login == to));
        let shown = ServerMessage::ShowMessage(Message::new(from, to.to_owned(), body.to_owned()));
        other.ok_or((404, "not here"))?.push(NOW, &self.config, &shown);
        Ok(Answer::MessageSent { date: None, position: None })
    }
}

/// Moves frames until nothing moves; what the clients experience.
fn drive(relay: &mut Relay, clients: &mut [Client]) -> Vec<Vec<Event<'static>>> {
    let mut events: Vec<_> = clients.iter().map(|_| Vec::new()).collect();
    let mut has_moved = true;
    while has_moved {
        has_moved = false;
        for (n, client) in clients.iter_mut().enumerate() {
            while let Some(transmit) = relay.endpoints[n].poll_transmit(NOW) {
                has_moved = true;
                match Sent::of(transmit).frame() {
                    Some(frame) => events[n].push(client.handle_frame(NOW, frame).unwrap().into_owned()),
                    None => client.handle_disconnected(NOW, Disconnect::Requested),
                }
            }
            while let Some(event) = client.poll_event() {
                events[n].push(event);
            }
            while let Some(Transmit::Frame(frame)) = client.poll_transmit() {
                has_moved = true;
                relay.handle_frame(n, frame);
            }
        }
    }
    events
}

#[test]
fn a_service_of_ones_own_has_users_and_messages() {
    for format in [Format::Json, Format::Cbor] {
        let mut relay = Relay::new(&["alice", "bob"]);
        let mut clients: Vec<_> = (0..2).map(|n| Client::new(ClientConfig::default(), [n; 32])).collect();
        for client in &mut clients {
            relay.accept(format);
            client.handle_connected(NOW);
        }
        drive(&mut relay, &mut clients);
        clients[0].authorize(NOW, "alice", "wrong").unwrap();
        assert!(format!("{:?}", drive(&mut relay, &mut clients)[0]).contains("401"));
        for (client, login) in clients.iter_mut().zip(["alice", "bob"]) {
            client.authorize(NOW, login, login).unwrap();
        }
        drive(&mut relay, &mut clients);
        clients[0].send_message(NOW, "bob", "hello", None).unwrap();
        let events = drive(&mut relay, &mut clients);
        let [Event::Message(message)] = &events[1][..] else { panic!("{events:?}") };
        let message = &message.message;
        assert_eq!((&*message.from.login, &*message.body), ("alice", "hello"));
        clients[0].get_contacts(NOW).unwrap();
        assert!(format!("{:?}", drive(&mut relay, &mut clients)[0]).contains("501"));
    }
}

/// An endpoint whose challenge was sent.
fn endpoint(config: &ServerConfig) -> Endpoint<&'static str> {
    let mut endpoint = Endpoint::new(ConnectionId::new(7), NOW, config);
    endpoint.handle_connected(NOW, config, Some(Format::Json), Secret::from(TOKEN), &["log"]);
    let sent = sent(&mut endpoint, NOW);
    assert_eq!(sent, [r#"{"type":"check_connection","token":"a random text","extensions":["log"]}"#]);
    endpoint
}

/// The texts that it sends, and anything else as a word.
fn sent<S>(endpoint: &mut Endpoint<S>, now: Time) -> Vec<String> {
    std::iter::from_fn(|| {
        endpoint.poll_transmit(now).map(|transmit| match Sent::of(transmit) {
            Sent::Text(text) => text,
            other => format!("{other:?}"),
        })
    })
    .collect()
}

#[test]
fn a_proof_is_good_for_its_challenge_until_somebody_has_signed_in() {
    let config = ServerConfig::default();
    let mut endpoint = endpoint(&config);
    let verifier = Verifier::new("correct horse");
    let [proof, other] = [TOKEN, "another text"].map(|token| auth::proof("correct horse", token));
    assert!(endpoint.is_open() && endpoint.session().is_none());
    assert_eq!((endpoint.proves(&verifier, &proof), endpoint.proves(&verifier, &other)), (true, false));
    endpoint.sign_in("alice").unwrap();
    assert!(!endpoint.is_open() && !endpoint.proves(&verifier, &proof));
    assert_eq!((endpoint.sign_in("bob"), endpoint.session()), (Err("bob"), Some(&"alice")));
}

#[test]
fn refused_sign_ins_and_frames_without_sense_end_the_connection() {
    let mut config = ServerConfig::default();
    (config.max_sign_in_attempts, config.max_invalid_frames) = (2, 2);
    let refusal = || Refusal::new(Some(StatusCode::new(401)), "no");
    let mut guesses = endpoint(&config);
    guesses.refuse_sign_in(NOW, &config, 1, "authorize", refusal());
    assert_eq!((sent(&mut guesses, NOW).len(), guesses.poll_closed()), (1, None));
    guesses.refuse_sign_in(NOW, &config, 2, "authorize", refusal());
    assert_eq!(sent(&mut guesses, NOW)[1], "Close(1008)");

    let mut babbles = endpoint(&config);
    for frame in ["{", r#"{"type":1}"#] {
        babbles.handle_frame(NOW, &config, Frame::Text(frame)).unwrap_err();
    }
    assert_eq!(sent(&mut babbles, NOW)[2], "Close(1008)");
    // Nothing is heard any more, and nothing said.
    let late = Frame::Text(r#"{"type":"get_contacts","on_request":1}"#);
    assert_eq!(babbles.handle_frame(NOW, &config, late), Ok(None));
    babbles.push_error(NOW, &config, "x");
    assert_eq!(sent(&mut babbles, NOW), [""; 0]);

    let mut long = endpoint(&config);
    long.handle_oversized(NOW, &config);
    let limit = config.max_stranger_frame_bytes;
    assert!(sent(&mut long, NOW).concat().contains(&format!("over the limit of {limit} bytes")));
    assert_eq!(long.poll_closed().and_then(|closed| closed.code), Some(CloseCode::TooBig));
}

#[test]
fn whoever_was_signed_in_is_told_once_at_the_end() {
    let config = ServerConfig::default();
    let mut closes = endpoint(&config);
    closes.sign_in("alice").unwrap();
    closes.close(NOW, &config, CloseCode::Away);
    closes.close(NOW, &config, CloseCode::Policy);
    let told = closes.poll_closed().map(|Closed { code, session, .. }| (code, session));
    assert_eq!(told, Some((Some(CloseCode::Away), Some("alice"))));
    assert_eq!(closes.poll_closed(), None);
    closes.handle_disconnected();
    assert_eq!((closes.poll_closed(), closes.is_gone()), (None, true));

    // One whose connection is gone, before anybody has asked.
    let who = |endpoint: &mut Endpoint<_>| {
        endpoint.handle_disconnected();
        endpoint.poll_closed().map(|closed| (closed.code, closed.session))
    };
    let mut dropped = endpoint(&config);
    dropped.sign_in("alice").unwrap();
    assert_eq!((who(&mut dropped), who(&mut dropped)), (Some((None, Some("alice"))), None));
    let mut failed = endpoint(&config);
    failed.sign_in("alice").unwrap();
    failed.handle_failed(NOW, &config, CloseCode::Protocol);
    assert_eq!(who(&mut failed), Some((Some(CloseCode::Protocol), Some("alice"))));
    let mut stranger = endpoint(&config);
    assert_eq!(who(&mut stranger), Some((None, None)));
    // Nothing leaves any more.
    assert_eq!((sent(&mut failed, NOW), failed.queued(), failed.wants_frames(&config)), (vec![], 0, false));
}

#[test]
fn each_state_has_an_end() {
    let config = ServerConfig::default();
    let mut opening: Endpoint<()> = Endpoint::new(ConnectionId::new(1), NOW, &config);
    assert_eq!(opening.poll_timeout(&config), Some(NOW + config.handshake_timeout));
    assert!(!opening.handle_timeout(NOW, &config, false), "an earlier call changes nothing");
    assert!(opening.handle_timeout(NOW + config.handshake_timeout, &config, false) && opening.is_gone());
    assert_eq!(opening.poll_timeout(&config), None);

    let mut stranger = endpoint(&config);
    let mut said = Vec::new();
    while stranger.is_open() {
        // The client is alive, but nobody signs in.
        let now = stranger.poll_timeout(&config).unwrap();
        stranger.handle_timeout(now, &config, false);
        stranger.handle_pong(now);
        said.extend(sent(&mut stranger, now));
        assert!(now <= NOW + config.sign_in_timeout);
    }
    assert!(said[0] == "Ping" && said.last().unwrap() == "Close(1008)", "{said:?}");
    let mut now = stranger.poll_timeout(&config).unwrap();
    assert!(stranger.handle_timeout(now, &config, false) && stranger.is_gone());

    let mut silent = endpoint(&config);
    silent.sign_in("alice").unwrap();
    now = silent.poll_timeout(&config).unwrap();
    assert!(silent.handle_timeout(now, &config, false));
    assert_eq!(sent(&mut silent, now), ["Ping"]);
    now = silent.poll_timeout(&config).unwrap();
    // Whoever is not read can't answer.
    assert!(!silent.handle_timeout(now, &config, true) && !silent.is_gone());
    while !silent.is_gone() {
        now = silent.poll_timeout(&config).unwrap();
        silent.handle_timeout(now, &config, false);
        sent(&mut silent, now);
    }
    assert_eq!(silent.poll_closed().and_then(|closed| closed.session), Some("alice"));
}

/// A time-out of zero is no sense, and no loop without an end.
#[test]
fn time_goes_on_whatever_the_time_outs() {
    let mut config = ServerConfig::default();
    config.keep_alive = Duration::ZERO;
    let mut held_up = endpoint(&config);
    held_up.sign_in("alice").unwrap();
    let mut now = NOW;
    for _ in 0..100 {
        let next = held_up.poll_timeout(&config).unwrap();
        assert!(next > now);
        now = next;
        held_up.handle_timeout(now, &config, true);
    }
    assert!(!held_up.is_gone());
}

#[test]
fn a_refusal_has_a_status() {
    let config = ServerConfig::default();
    let mut refuses = endpoint(&config);
    refuses.answer(NOW, &config, 1, "get_contacts", Err(Refusal::new(None, "no")));
    assert!(sent(&mut refuses, NOW)[0].contains("500"));
}

#[test]
fn whoever_does_not_read_is_cut_off() {
    let config = ServerConfig::default();
    let mut slow = endpoint(&config);
    slow.sign_in("alice").unwrap();
    let mut count = 0;
    while slow.poll_closed().is_none() {
        slow.push_error(NOW, &config, "x".repeat(1000));
        assert_eq!(slow.wants_frames(&config), slow.queued() <= 64 << 10);
        count += 1;
        assert!(count * 1000 <= config.limits.max_queued_bytes + 1000);
    }
    assert_eq!(sent(&mut slow, NOW), ["Close(1008)"]);

    // A little that does not leave for too long.
    let mut stuck = endpoint(&config);
    stuck.sign_in("alice").unwrap();
    stuck.push_error(NOW, &config, "x");
    let until = NOW + config.write_timeout.unwrap();
    let mut now = NOW;
    while !stuck.is_gone() {
        now = stuck.poll_timeout(&config).unwrap();
        stuck.handle_timeout(now, &config, false);
        stuck.handle_pong(now);
    }
    assert_eq!(now, until);
}

/// Lets a client take one entry of its queue now and then, until it has taken the ping that follows; its pongs are read when its
/// frames are wanted.
fn read_slowly(config: &ServerConfig, waiting: usize, pause: Duration) {
    let mut steady = endpoint(config);
    steady.sign_in("alice").unwrap();
    (0..waiting).for_each(|_| steady.push_error(NOW, config, "x".repeat(1000)));
    let (mut now, mut pinged, mut owes_pong) = (NOW, 0, false);
    while pinged < 2 {
        now = now + pause;
        if steady.poll_timeout(config).is_some_and(|at| at <= now) {
            steady.handle_timeout(now, config, false);
        }
        assert!(!steady.is_gone(), "after {now:?}, {} bytes wait", steady.queued());
        let is_ping = matches!(steady.poll_transmit(now), Some(Transmit::Ping));
        pinged += usize::from(is_ping);
        owes_pong |= is_ping;
        if owes_pong && steady.wants_frames(config) {
            steady.handle_pong(now);
            owes_pong = false;
        }
    }
    assert!(now > NOW + config.keep_alive);
}

#[test]
fn whoever_reads_slowly_but_steadily_is_not_silent() {
    let mut config = ServerConfig::default();
    for write_timeout in [config.write_timeout, None] {
        config.write_timeout = write_timeout;
        read_slowly(&config, 600, Duration::from_millis(200));
        read_slowly(&config, 300, secs(1));
        read_slowly(&config, 70, secs(50));
    }
}

/// Frames that came too fast, or whatever the service waits for, kept its pong from being read until a moment ago.
#[test]
fn whoever_was_not_read_has_time_for_a_pong() {
    let mut config = ServerConfig::default();
    config.frame_rate = Some(Rate::new(1, 1));
    let half = config.keep_alive / 2;
    let mut fast = endpoint(&config);
    fast.sign_in("alice").unwrap();
    fast.handle_timeout(NOW + half, &config, false);
    assert_eq!(sent(&mut fast, NOW + half), ["Ping"]);
    fast.handle_read(NOW + half, &config, 60 * 4096, 0);
    let again = fast.poll_timeout(&config).unwrap();
    assert!(again > NOW + half && fast.handle_timeout(again, &config, false) && fast.wants_frames(&config));
    assert!(fast.poll_timeout(&config).unwrap() >= again + half);

    let mut held_up = endpoint(&config);
    held_up.sign_in("alice").unwrap();
    let mut now = NOW;
    for _ in 0..1000 {
        now = held_up.poll_timeout(&config).unwrap();
        held_up.handle_timeout(now, &config, true);
    }
    // Nothing was asked that could not be heard.
    assert_eq!((held_up.queued(), held_up.is_gone()), (0, false));
    assert!(held_up.poll_timeout(&config).unwrap() >= now + half);
}

#[test]
fn frames_that_come_too_fast_are_not_wanted_for_a_moment() {
    let mut config = ServerConfig::default();
    config.frame_rate = Some(Rate::new(10, 5));
    let request = Frame::Text(r#"{"type":"register_type","on_request":1}"#);
    let mut frames = endpoint(&config);
    for n in 1..=6 {
        assert!(frames.wants_frames(&config), "{n}");
        frames.handle_frame(NOW, &config, request).unwrap();
    }
    assert!(!frames.wants_frames(&config));
    let later = frames.poll_timeout(&config).unwrap();
    assert!(later <= NOW + secs(1) && frames.handle_timeout(later, &config, false));
    assert!(frames.wants_frames(&config));

    let mut bytes = endpoint(&config);
    bytes.handle_read(NOW, &config, 5 * 4096, 0);
    assert!(bytes.wants_frames(&config));
    bytes.handle_read(NOW + Duration::from_nanos(1), &config, 4095, 1);
    assert!(!bytes.wants_frames(&config));

    let mut answers = endpoint(&config);
    answers.sign_in("alice").unwrap();
    let long = || Answer::Authorized(SignedIn::new("x".repeat(5 * 4096), User::new("alice")));
    answers.answer(NOW, &config, 1, "authorize", Ok(long()));
    assert!(answers.wants_frames(&config));
    answers.answer(NOW, &config, 2, "authorize", Ok(long()));
    assert!(!answers.wants_frames(&config));
}
