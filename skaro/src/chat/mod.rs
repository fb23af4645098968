//! `skaro chat`: reads lines, and prints messages and events.
//!
//! [`args`] defines the options. [`input`] reads lines, [`complete`] completes them, and [`mod@line`] parses them, or
//! [`command`] if they are JSON. [`session`] decides how to react, and [`partner`] to whom lines go. [`people`] and
//! [`people_line`] are requests and lines for contacts, conferences and profiles. [`report`] is the output, as JSON or,
//! through [`wording`], for people. [`screen`] shows it, on a terminal in the [`view`]. [`client`] talks to the server.
//! This module is the loop around them.

mod args;
mod ask;
mod client;
mod command;
mod complete;
mod demo;
mod echo_bot;
mod input;
mod line;
mod line_arguments;
mod partner;
mod people;
mod people_line;
mod report;
mod screen;
mod session;
mod state;
mod terminal;
mod view;
mod wording;

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::Event as TerminalEvent;
use skaro_proto::Secret;
use skaro_proto::client::Event;

pub(crate) use args::ChatArgs;
use ask::Ask;
use client::Client;
use complete::Names;
use demo::Demo;
use input::{Lines, Typed};
use line::Input;
use people::{Hidden, PeopleRequest};
use screen::Screen;
use session::{Session, Setup};
use state::State;

use crate::exit::{Exit, Fault};
use crate::{runtime, signals};

/// Time to wait for answers after the last line, in addition to the time-out of requests, which should expire first.
const ANSWERS: Duration = Duration::from_secs(1);

/// Maximum number of waiting events and lines. Further ones stay in the client, whose memory is limited.
const WAITING: usize = 256;

/// Number of inputs after which the screen is refreshed even if more wait.
const BATCH: usize = 64;

/// An input of the chat's loop.
enum Happened {
    /// An event. `None` at the end of the events.
    Event(Option<Event<'static>>),
    Input(Input),
    /// A key in the full-screen view, or another event of the terminal. `None` when the terminal is gone.
    Key(Option<TerminalEvent>),
}

/// Runs the chat until it ends.
pub(crate) fn run(mut args: ChatArgs) -> Result<Exit, Fault> {
    // Both live until the end of the chat.
    let runtime = runtime::start()?;
    let demo = if args.url.is_none() { Some(runtime.block_on(Demo::start())?) } else { None };
    let mut bot = None;
    if demo.is_some() {
        let user = args.login.get_or_insert_with(|| demo::USER.into());
        bot = Demo::bot(user);
    }
    let login = args.login.as_deref().unwrap_or_default();
    let state = args.state.take().map(|path| State::open(path, login, args.taken)).transpose()?;
    let url = demo.as_ref().map(Demo::url).or(args.url.take()).unwrap_or_default();
    let mut options = args.network.options(url)?;
    options.config = args.config();
    if let Some(state) = &state {
        options.config.log = state.place().clone();
    }
    let answers = options.config.request_timeout + ANSWERS;
    let (client, events) = match args.blocking {
        true => client::connect_blocking(options)?,
        false => client::connect(options, runtime.handle())?,
    };
    // The password is asked for only now, when the server is known to be reachable.
    let sign_in = sign_in(&mut args, demo.is_some())?;

    let (sender, happenings) = mpsc::sync_channel(WAITING);
    let (lines_sink, signals_sink) = (sender.clone(), sender.clone());
    let mut is_first = true;
    // The first signal is queued. A second one ends the program at once; so does the first if it can't be queued.
    signals::take(move |_| {
        let is_heard = signals_sink.try_send(Happened::Input(Input::Interrupt)).is_ok();
        std::mem::take(&mut is_first) && is_heard
    });
    thread::spawn(move || {
        // This fails when the chat has ended. Later events are dropped.
        for event in events {
            _ = sender.send(Happened::Event(Some(event)));
        }
        _ = sender.send(Happened::Event(None));
    });
    let names = Names::default();
    let (screen, source) = Screen::open(args.json, args.plain, names.clone())?;
    let lines = Lines::start(source, move |typed| {
        match typed {
            // This input may be lost, and must not block the thread that reads keys.
            Typed::Input(Input::Typing) => {
                _ = lines_sink.try_send(Happened::Input(Input::Typing));
            }
            Typed::Input(input) => _ = lines_sink.send(Happened::Input(input)),
            Typed::Key(event) => _ = lines_sink.send(Happened::Key(event)),
        }
    });
    let session = Session::new(screen, Setup { names, rings: !args.no_bell, sign_in, bot, state });
    let exit = Chat { client, happenings, lines, answers, deadline: None, since_refresh: 0, session }.run();
    // The program does not wait for a pending name resolution.
    runtime.shutdown_background();
    Ok(exit)
}

/// Returns the request to sign in, or to register before that, if the options contain a login.
fn sign_in(args: &mut ChatArgs, is_demo: bool) -> Result<Option<Ask>, Fault> {
    let Some(login) = args.login.clone() else { return Ok(None) };
    if args.register {
        let password = Hidden(args.password.find_new(&login)?);
        let invitation = args.invitation.take().map(Hidden::from);
        return Ok(Some(Ask::People(PeopleRequest::Register { login, password, invitation, profile: None })));
    }
    let password = match &args.password.password {
        None if is_demo => Secret::from(demo::PASSWORD),
        _ => args.password.find(&login)?,
    };
    Ok(Some(Ask::Authorize { login, password }))
}

struct Chat {
    client: Box<dyn Client>,
    happenings: Receiver<Happened>,
    lines: Lines,
    /// Time to wait for answers after the last line.
    answers: Duration,
    deadline: Option<Instant>,
    /// Number of inputs since the screen was refreshed.
    since_refresh: usize,
    session: Session,
}

impl Chat {
    fn run(mut self) -> Exit {
        while !self.session.is_done() {
            if self.lines.need_prompts() && !self.lines.is_reading && self.session.wants_line() {
                self.lines.ask(self.session.prompt());
            }
            match self.wait() {
                Ok(happened) => self.handle(happened),
                Err(RecvTimeoutError::Timeout) if self.is_late() => self.session.handle_deadline(),
                // Something on the screen has expired.
                Err(RecvTimeoutError::Timeout) => (),
                Err(RecvTimeoutError::Disconnected) => self.session.handle_closing(),
            }
            self.follow();
        }
        self.session.handle_closing();
        // Meanwhile events must be taken. Otherwise the client stops reading before the server's last message.
        let client = self.client;
        let closing = thread::spawn(move || client.close());
        // Handles the ends of remaining requests.
        while let Ok(happened) = self.happenings.recv() {
            match happened {
                Happened::Event(Some(event)) => self.session.handle_event(&event),
                Happened::Event(None) => break,
                Happened::Input(_) | Happened::Key(_) => (),
            }
        }
        _ = closing.join();
        self.session.save();
        self.session.close(self.lines.is_reading);
        self.session.exit()
    }

    /// Waits for the next input, until the deadline.
    fn wait(&mut self) -> Result<Happened, RecvTimeoutError> {
        if self.since_refresh < BATCH
            && let Ok(happened) = self.happenings.try_recv()
        {
            self.since_refresh += 1;
            return Ok(happened);
        }
        self.since_refresh = 0;
        self.session.refresh();
        // The messages on the screen are marked as read.
        self.session.ask(|ask| self.client.submit(ask));
        if self.session.is_done() {
            return Err(RecvTimeoutError::Disconnected);
        }
        if let Ok(happened) = self.happenings.try_recv() {
            return Ok(happened);
        }
        self.session.save();
        let wakes_at = self.session.wakes_at();
        match self.deadline.into_iter().chain(wakes_at).min() {
            Some(deadline) => {
                self.happenings.recv_timeout(deadline.saturating_duration_since(Instant::now()))
            }
            None => self.happenings.recv().map_err(RecvTimeoutError::from),
        }
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn handle(&mut self, happened: Happened) {
        match happened {
            Happened::Event(Some(event)) => self.session.handle_event(&event),
            Happened::Event(None) => self.session.handle_closing(),
            Happened::Input(input) => {
                // A user who types has seen what was shown before.
                self.session.save();
                self.lines.is_reading &= matches!(input, Input::Interrupt | Input::Typing);
                self.session.handle_input(input);
            }
            Happened::Key(None) => self.session.handle_input(Input::Interrupt),
            Happened::Key(Some(event)) => self.session.handle_key(event),
        }
    }

    /// Reacts to all inputs so far.
    fn follow(&mut self) {
        self.session.handle_status(self.client.status());
        // Answers come as events, in order with all others.
        self.session.ask(|ask| self.client.submit(ask));
        self.session.tell_typing(|login| self.client.typing(login));
        if self.session.is_ending() && self.deadline.is_none() {
            self.deadline = Some(Instant::now() + self.answers);
        }
    }
}
