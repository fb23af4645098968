//! Everything that can happen to a client, in any order, with a server that only sometimes follows the protocol: every
//! accepted command ends exactly once, errors leave the machine unchanged, limits hold.

use std::time::Duration;

use skaro_proto::client::{
    AddContact, Backoff, Client, ClientConfig, CommandError, Disconnect, Register, RequestId, SignOut,
    Status, UpdateMyData,
};
use skaro_proto::{Format, Frame, Time};

use super::Choices;
use super::ledger::Ledger;
use super::script::Script;

pub fn run(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let config = config(&mut choices);
    let seed = choices.byte();
    let mut run = Run {
        client: Client::new(config, [seed; 32]),
        now: Time::ZERO,
        clock: Time::ZERO,
        ledger: Ledger::default(),
        script: Script::default(),
    };
    while !choices.is_empty() {
        run.step(&mut choices);
        run.collect();
        run.check();
    }
    run.end();
}

fn config(choices: &mut Choices<'_>) -> ClientConfig {
    let mut config = ClientConfig::default();
    let flags = choices.byte();
    config.keep_credentials = flags & 1 != 0;
    config.offline_messages = usize::from(flags >> 1 & 3);
    config.keep_alive = (flags & 8 == 0).then_some(Duration::from_secs(60));
    config.reconnect = match flags >> 4 & 3 {
        0 => None,
        1 => {
            let mut backoff = Backoff::default();
            backoff.attempts = Some(2);
            Some(backoff)
        }
        _ => Some(Backoff::default()),
    };
    config.limits.max_requests = 1 + usize::from(flags >> 6) * 4;
    config.limits.max_queued_bytes = choices.pick(&[0, 100, 500, 100_000]);
    config.limits.max_frame_bytes = 2000;
    config.limits.max_body_bytes = 40;
    config.limits.max_login_bytes = 16;
    config.limits.max_password_bytes = 16;
    config.limits.max_secret_bytes = 20;
    config
}

struct Run {
    client: Client,
    now: Time,
    /// Returns the time that the machine is given: behind the true time if the clock went backwards.
    clock: Time,
    ledger: Ledger,
    script: Script,
}

impl Run {
    fn step(&mut self, choices: &mut Choices<'_>) {
        let clock = self.clock;
        match choices.below(32) {
            0..3 => self.connect(choices),
            3 | 4 => _ = self.command(|client| client.authorize(clock, "alice", "secret")),
            5 => {
                let (login, password) = (choices.text(20), choices.text(20));
                self.command(|client| client.authorize(clock, &login, &password));
            }
            6 => {
                let own = self.client.session_id().map(|sid| sid.expose().to_owned());
                let sid = own.filter(|_| choices.flag()).unwrap_or_else(|| choices.text(24));
                self.command(|client| client.session_restore(clock, &sid));
            }
            7 => _ = self.command(|client| client.register_type(clock)),
            8 => _ = self.command(|client| client.get_contacts(clock)),
            9 => self.history(choices),
            10 | 11 => self.send(choices),
            12 => self.seldom(choices),
            13..16 => self.answer(choices),
            16 => self.say(choices),
            17 => {
                let (is_text, length) = (choices.flag(), usize::from(choices.byte()) * 10);
                let bytes = choices.take(length).to_vec();
                match std::str::from_utf8(&bytes) {
                    Ok(text) if is_text => _ = self.frame(Frame::Text(text)),
                    _ => _ = self.frame(Frame::Binary(&bytes)),
                }
            }
            18 => self.pass(Duration::from_millis(u64::from(choices.byte()) * 20)),
            19 => self.pass(Duration::from_secs(u64::from(choices.byte()) * 2)),
            20 => {
                let next = self.client.poll_timeout().unwrap_or(self.now);
                self.pass(next - self.now);
            }
            // Time passes without a call of `handle_timeout`; or the clock goes backwards.
            21 => {
                self.now = self.now + Duration::from_secs(choices.byte().into());
                self.clock = self.now;
            }
            22 => self.clock = Time::since_epoch(self.now - Time::from_secs(choices.byte().into())),
            23 => {
                let reason = match choices.below(3) {
                    0 => Disconnect::Failed("cut".into()),
                    1 => Disconnect::Closed { code: Some(1000), reason: String::new() },
                    _ => Disconnect::Requested,
                };
                self.client.handle_disconnected(clock, reason);
            }
            24 => self.client.handle_paused(clock),
            25 => self.client.handle_resumed(clock),
            26 => self.client.handle_pong(clock),
            27 => self.fetch(choices.below(4)),
            28 => self.fetch(usize::MAX),
            29 => _ = self.command(|client| client.reconnect(clock).map(|()| None)),
            30 => self.client.stop_reconnecting(clock),
            _ => self.client.close(clock),
        }
    }

    /// Gives a command. A refused one must leave the machine unchanged.
    fn command<T: Into<Option<RequestId>>>(
        &mut self,
        give: impl FnOnce(&mut Client) -> Result<T, CommandError>,
    ) -> Option<RequestId> {
        let before = self.client.clone();
        match give(&mut self.client) {
            Ok(id) => {
                let id = id.into()?;
                self.ledger.taken(id);
                Some(id)
            }
            Err(error) => {
                assert!(self.client == before, "{error} left a trace");
                None
            }
        }
    }

    /// Gives a command that is given seldom.
    fn seldom(&mut self, choices: &mut Choices<'_>) {
        let clock = self.clock;
        match choices.below(8) {
            0 => _ = self.command(|client| client.add_contact(clock, AddContact::new("bob"))),
            1 => _ = self.command(|client| client.sign_out(clock, SignOut::Own)),
            2 => _ = self.command(|client| client.sign_out(clock, SignOut::Others)),
            3 => _ = self.command(|client| client.typing(clock, "bob").map(|()| None)),
            4 => {
                let password = choices.text(20);
                let update = UpdateMyData { password: Some(&password), ..UpdateMyData::default() };
                self.command(|client| client.update_my_data(clock, update));
            }
            5 => {
                self.client.handle_confidential();
                self.command(|client| client.register(clock, Register::new("alice", "secret")));
            }
            _ => {
                let kind = choices.pick(&["weather", "authorize", ""]);
                self.command(|client| client.request_other(clock, kind, Default::default()));
            }
        }
    }

    /// Returns a message with a unique text, so that it can be recognized when it is sent.
    fn send(&mut self, choices: &mut Choices<'_>) {
        let (clock, tag) = (self.clock, self.ledger.new_tag());
        let body = format!("{tag} {}", choices.text(40));
        let marker = choices.flag().then_some(7);
        if let Some(id) = self.command(|client| client.send_message(clock, "bob", &body, marker)) {
            self.ledger.tagged(id, tag, marker);
        }
    }

    fn history(&mut self, choices: &mut Choices<'_>) {
        let (clock, tag) = (self.clock, self.ledger.new_tag());
        let login = if choices.flag() { tag.clone() } else { "bob".into() };
        let id = self.command(|client| client.get_history(clock, &login));
        if let Some(id) = id.filter(|_| login == tag) {
            self.ledger.tagged(id, tag, None);
        }
    }

    /// Makes a connection, wanted or not; the server then sends a frame, mostly the right one.
    fn connect(&mut self, choices: &mut Choices<'_>) {
        self.script.new_connection();
        self.client.handle_connected(self.clock);
        let format = if choices.flag() { Format::Cbor } else { Format::Json };
        let (is_silent, token) = (choices.below(8) == 7, choices.text(24));
        if self.client.status() == Status::Greeting && !is_silent {
            let greeting = self.script.challenge(&token, format);
            let result = self.frame_of(format, &greeting);
            assert_eq!(result, token.len() <= self.client.config().limits.max_secret_bytes);
        }
    }

    /// The server answers a request that it has received, or answers one again.
    fn answer(&mut self, choices: &mut Choices<'_>) {
        let Some(answer) = self.script.answer(choices) else { return };
        let had_connection = self.client.status().has_connection();
        let before = self.ledger.answers();
        let is_taken = self.frame_of(answer.format, &answer.frame);
        assert_eq!(self.ledger.answers() - before, usize::from(is_taken));
        if answer.is_right {
            assert_eq!(is_taken, had_connection, "the first answer counts, and only on its connection");
        } else {
            assert!(!is_taken, "the answer was one too many, or of another type");
        }
    }

    /// The server sends an unsolicited frame.
    fn say(&mut self, choices: &mut Choices<'_>) {
        let (format, frame) = self.script.say(choices);
        self.frame_of(format, &frame);
    }

    fn frame_of(&mut self, format: Format, frame: &[u8]) -> bool {
        self.frame(super::direction::frame(format, frame))
    }

    /// Passes a frame to the machine; returns whether it was valid. An invalid one must leave the machine unchanged.
    fn frame(&mut self, frame: Frame<'_>) -> bool {
        let before = self.client.clone();
        match self.client.handle_frame(self.clock, frame) {
            Ok(event) => {
                assert!(before.status().has_connection(), "a frame from no connection");
                self.ledger.happened(&event);
                drop(event.into_owned());
                true
            }
            Err(error) => {
                assert!(self.client == before, "{error} left a trace");
                false
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.clock = self.now;
        self.client.handle_timeout(self.now);
        // No deadline is due any more; otherwise an adapter would loop forever.
        assert!(self.client.poll_timeout().is_none_or(|next| next > self.now));
    }

    /// Takes this many frames from the machine, as the adapter does.
    fn fetch(&mut self, count: usize) {
        let limit = self.client.config().limits.max_queued_bytes;
        // Frames that the machine sends itself, or that had to wait, are additional.
        let comes_by_itself =
            self.client.config().keep_credentials || self.client.config().offline_messages > 0;
        let mut sizes = Vec::new();
        while sizes.len() < count {
            let Some(transmit) = self.client.poll_transmit() else { break };
            sizes.push(self.script.sent(transmit, &mut self.ledger));
        }
        let frames = sizes.iter().filter(|size| **size > 0);
        let all_but_last: usize = frames.rev().skip(1).sum();
        assert!(comes_by_itself || all_but_last <= limit, "{all_but_last} bytes waited");
        assert!(sizes.is_empty() || self.client.status().has_connection(), "sent on no connection");
    }

    fn collect(&mut self) {
        while let Some(event) = self.client.poll_event() {
            self.ledger.happened(&event);
        }
    }

    fn check(&self) {
        let (open, pending) = (self.ledger.open(), self.client.pending());
        // The machine makes one request of its own at a time.
        assert!(pending == open || pending == open + 1, "{pending} pending, {open} open");
        let config = self.client.config();
        assert!(pending <= config.limits.max_requests + config.offline_messages);
        assert_eq!(self.client.is_authorized(), self.client.status() == Status::SignedIn);
        if matches!(self.client.status(), Status::Offline | Status::Closed) {
            assert_eq!((pending, self.client.poll_timeout()), (0, None), "{:?}", self.client);
        }
    }

    /// Closes the client; remaining answers never arrive.
    fn end(mut self) {
        self.client.close(self.now);
        self.collect();
        self.check();
        self.pass(self.client.config().close_timeout);
        self.collect();
        self.check();
        assert_eq!(self.client.status(), Status::Closed);
        assert_eq!(self.client.poll_transmit(), None);
        assert_eq!(self.client.register_type(self.now), Err(CommandError::Closed));
        assert_eq!(self.ledger.open(), 0, "every command has ended");
    }
}
