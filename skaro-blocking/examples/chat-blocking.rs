//! The chat of the async-std adapter over the blocking one: the same options, the same JSON, the same looks, for it
//! is the same code but for this loop.
//!
//! ```console
//! $ cargo run --example chat-blocking
//! $ cargo run --example chat-blocking -- --url ws://127.0.0.1:8000/skaro_client/ --login alice
//! ```

#[path = "../../skaro-async-std/examples/chat/demo.rs"]
mod demo;
#[path = "../../skaro-async-std/examples/chat/ui/mod.rs"]
mod ui;

use std::error::Error;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use async_std::task::block_on;
use skaro_blocking::{Client, Options};
use skaro_proto::client::Event;

use demo::Demo;
use ui::args::Args;
use ui::input::{self, Input, Lines};
use ui::screen::Screen;
use ui::session::Session;

/// How long to wait, after the last line, for answers.
const ANSWERS: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let args = match Args::read() {
        Ok(args) => args,
        Err(error) => {
            _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    match run(args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the chat waits for.
enum Happened {
    /// `None`: there will be no more.
    Event(Option<Event<'static>>),
    Input(Input),
}

fn run(mut args: Args) -> Result<ExitCode, Box<dyn Error>> {
    // Lives as long as the chat. The server has no blocking adapter; it does not need one.
    let demo = if args.url.is_none() { Some(block_on(Demo::start())?) } else { None };
    let mut companion = None;
    if demo.is_some() {
        let user = args.login.get_or_insert_with(|| demo::USER.into());
        companion = Demo::companion(user);
        args.password.get_or_insert_with(|| demo::PASSWORD.into());
    }
    let sign_in = args.sign_in()?;
    let url = demo.as_ref().map(Demo::url).or(args.url.take()).unwrap_or_default();
    let mut options = Options::new(url);
    options.config = args.config();
    #[cfg(feature = "tls")]
    {
        options.tls = args.trust()?;
    }
    let (client, events) = Client::connect(options)?;

    let (sender, happenings) = mpsc::channel();
    let (lines_sink, signals_sink) = (sender.clone(), sender.clone());
    // What arrives after the end of the chat is for nobody.
    input::on_interrupt(move |input| _ = signals_sink.send(Happened::Input(input)))?;
    thread::spawn(move || {
        for event in events {
            _ = sender.send(Happened::Event(Some(event)));
        }
        _ = sender.send(Happened::Event(None));
    });
    let (screen, source) = Screen::open(args.json)?;
    let lines = Lines::start(source, move |input| _ = lines_sink.send(Happened::Input(input)));
    let session = Session::new(screen, sign_in, companion);
    Ok(Chat { client, happenings, lines, deadline: None, session }.run())
}

struct Chat {
    client: Client,
    happenings: Receiver<Happened>,
    lines: Lines,
    deadline: Option<Instant>,
    session: Session,
}

impl Chat {
    fn run(mut self) -> ExitCode {
        while !self.session.is_done() {
            if !self.lines.is_reading && self.session.wants_line() {
                self.lines.ask(self.session.prompt());
            }
            match self.wait() {
                Some(happened) => self.handle(happened),
                None => self.session.handle_deadline(),
            }
            self.follow();
        }
        self.session.handle_closing();
        self.client.close();
        // What has ended since, by an answer or without one.
        while let Ok(happened) = self.happenings.recv() {
            match happened {
                Happened::Event(Some(event)) => self.session.handle_event(event),
                Happened::Event(None) => break,
                Happened::Input(_) => (),
            }
        }
        self.session.screen().close(self.lines.is_reading);
        ExitCode::from(u8::from(self.session.has_failed()))
    }

    /// What happens next; `None` when it is too late for that.
    fn wait(&self) -> Option<Happened> {
        match self.deadline {
            Some(deadline) => {
                self.happenings.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
            }
            None => self.happenings.recv().ok(),
        }
    }

    fn handle(&mut self, happened: Happened) {
        match happened {
            Happened::Event(Some(event)) => self.session.handle_event(event),
            Happened::Event(None) => self.session.handle_closing(),
            Happened::Input(input) => {
                self.lines.is_reading &= matches!(input, Input::Interrupt);
                self.session.handle_input(input);
            }
        }
    }

    /// Does what follows from what happened.
    fn follow(&mut self) {
        if self.session.has_missed() {
            let dialogs: Vec<_> = self.client.with(|machine| machine.dialogs().map(String::from).collect());
            self.session.catch_up(dialogs);
        }
        self.session.handle_status(self.client.with(|machine| machine.status()));
        self.session.ask(|ask| self.client.submit(ask));
        if self.session.is_ending() && self.deadline.is_none() {
            self.deadline = Some(Instant::now() + ANSWERS);
        }
    }
}
