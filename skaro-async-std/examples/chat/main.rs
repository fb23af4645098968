//! A chat on the command line: the loop around [`Client`]. What it decides and shows is in [`ui`], which knows
//! nothing of async-std.
//!
//! ```console
//! $ cargo run --example chat
//! $ cargo run --example chat -- --url ws://127.0.0.1:8000/skaro_client/ --login alice
//! ```

mod demo;
mod ui;

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::time::Duration;

use async_std::channel::{self, Receiver};
use async_std::task;
use futures_util::StreamExt;
use skaro_async_std::{Client, Events, Options};
use skaro_proto::client::Event;

use demo::Demo;
use ui::args::Args;
use ui::ask::Ask;
use ui::companion::Companion;
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
    match task::block_on(run(args)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mut args: Args) -> Result<ExitCode, Box<dyn Error>> {
    // Lives as long as the chat.
    let demo = if args.url.is_none() { Some(Demo::start().await?) } else { None };
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
    let connecting = match args.trust()? {
        Some(tls) => Client::connect_with_tls(options, tls).await,
        None => Client::connect(options).await,
    };
    #[cfg(not(feature = "tls"))]
    let connecting = Client::connect(options).await;
    let (client, events) = connecting?;
    let chat = Chat::open(client, events, args.json, sign_in, companion)?;
    Ok(chat.run().await)
}

struct Chat {
    client: Client,
    events: Events,
    lines: Lines,
    inputs: Receiver<Input>,
    deadline: Option<Pin<Box<dyn Future<Output = ()>>>>,
    session: Session,
}

/// What the chat waited for.
enum Happened {
    /// `None`: there will be no more.
    Event(Option<Event<'static>>),
    Input(Input),
    Deadline,
}

impl Chat {
    fn open(
        client: Client,
        events: Events,
        json: bool,
        sign_in: Option<Ask>,
        companion: Option<Companion>,
    ) -> Result<Self, Box<dyn Error>> {
        let (sender, inputs) = channel::unbounded();
        let signals = sender.clone();
        // What arrives after the end of the chat is for nobody.
        input::on_interrupt(move |input| _ = signals.try_send(input))?;
        let (screen, source) = Screen::open(json)?;
        let lines = Lines::start(source, move |input| _ = sender.try_send(input));
        let session = Session::new(screen, sign_in, companion);
        Ok(Chat { client, events, lines, inputs, deadline: None, session })
    }

    async fn run(mut self) -> ExitCode {
        while !self.session.is_done() {
            if !self.lines.is_reading && self.session.wants_line() {
                self.lines.ask(self.session.prompt());
            }
            let happened = poll_fn(|cx| self.poll(cx)).await;
            self.handle(happened);
            self.follow();
        }
        self.session.handle_closing();
        self.client.close().await;
        // What has ended since, by an answer or without one.
        while let Some(event) = self.events.next().await {
            self.session.handle_event(event);
        }
        self.session.screen().close(self.lines.is_reading);
        ExitCode::from(u8::from(self.session.has_failed()))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        if let Poll::Ready(event) = self.events.poll_next_unpin(cx) {
            return Poll::Ready(Happened::Event(event));
        }
        if let Poll::Ready(Some(input)) = self.inputs.poll_next_unpin(cx) {
            return Poll::Ready(Happened::Input(input));
        }
        match &mut self.deadline {
            Some(deadline) => deadline.as_mut().poll(cx).map(|()| Happened::Deadline),
            None => Poll::Pending,
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
            Happened::Deadline => self.session.handle_deadline(),
        }
    }

    /// Does what follows from what happened.
    fn follow(&mut self) {
        if self.session.has_missed() {
            let dialogs: Vec<_> = self.client.with(|machine| machine.dialogs().map(String::from).collect());
            self.session.catch_up(dialogs);
        }
        self.session.handle_status(self.client.with(|machine| machine.status()));
        // Nobody waits for the answers here: they come as events, in their order among all others.
        self.session.ask(|ask| self.client.submit(ask));
        if self.session.is_ending() && self.deadline.is_none() {
            self.deadline = Some(Box::pin(task::sleep(ANSWERS)));
        }
    }
}
