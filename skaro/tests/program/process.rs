//! The program as a process, and what one can ask of it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Long enough for a slow machine; whatever takes longer hangs.
pub(crate) const WAIT: Duration = Duration::from_secs(20);

/// The program that is tested.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_skaro");

/// A program that runs, until this is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    lines: Receiver<Line>,
    /// Lines that somebody looked at who did not want them.
    again: VecDeque<Line>,
    /// What it has written so far.
    transcript: Vec<String>,
}

pub(crate) enum Line {
    Output(String),
    Complaint(String),
}

impl Process {
    /// Starts the program with a subcommand and its arguments.
    pub(crate) fn start(args: &[&str]) -> Process {
        Process::run(&mut command(args))
    }

    /// Starts any program.
    pub(crate) fn run(command: &mut Command) -> Process {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        read(child.stdout.take().unwrap(), sender.clone(), Line::Output);
        read(child.stderr.take().unwrap(), sender, Line::Complaint);
        let stdin = child.stdin.take();
        Process {
            name: format!("{command:?}"),
            child,
            stdin,
            lines,
            again: VecDeque::new(),
            transcript: Vec::new(),
        }
    }

    /// Where a server that was just started listens.
    pub(crate) fn address(&mut self) -> String {
        let mut complaints = Vec::new();
        let line = loop {
            match self.next("line") {
                Some(Line::Output(line)) => break line,
                Some(complaint) => complaints.push(complaint),
                None => self.fail("it does not listen"),
            }
        };
        self.again.extend(complaints);
        let url = line.strip_prefix("listening on ").unwrap_or_else(|| self.fail("it does not listen"));
        assert!(url.starts_with("ws") && url.ends_with("/skaro_client/"), "{url}");
        url.into()
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// What it has written so far.
    pub(crate) fn transcript(&self) -> String {
        self.transcript.join("\n")
    }

    pub(crate) fn end_of_input(&mut self) {
        self.stdin = None;
    }

    /// The next line that it writes; `None` when there are no more.
    pub(crate) fn next(&mut self, wanted: &str) -> Option<Line> {
        if let Some(line) = self.again.pop_front() {
            return Some(line);
        }
        let line = match self.lines.recv_timeout(WAIT) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => self.fail(&format!("no {wanted} within {WAIT:?}")),
        };
        let (Line::Output(text) | Line::Complaint(text)) = &line;
        self.transcript.push(text.clone());
        Some(line)
    }

    pub(crate) fn fail(&self, problem: &str) -> ! {
        panic!("{}: {problem}; so far it wrote:\n{}", self.name, self.transcript.join("\n"))
    }

    /// The next event, which must be of this type unless it is one that may come at any time.
    pub(crate) fn event(&mut self, wanted: &str) -> Value {
        loop {
            match self.next(wanted) {
                Some(Line::Output(line)) => {
                    let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| self.fail("no JSON"));
                    if event["event"] == wanted {
                        return event;
                    }
                }
                Some(Line::Complaint(_)) => (),
                None => self.fail(&format!("it ended without {wanted}")),
            }
        }
    }

    /// The next event of one of these types.
    pub(crate) fn event_of(&mut self, wanted: &[&str]) -> Value {
        loop {
            match self.next(&wanted.join(" or ")) {
                Some(Line::Output(line)) => {
                    let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| self.fail("no JSON"));
                    if wanted.iter().any(|wanted| event["event"] == *wanted) {
                        return event;
                    }
                }
                Some(Line::Complaint(_)) => (),
                None => self.fail(&format!("it ended without {wanted:?}")),
            }
        }
    }

    /// The next event of any type, except that nothing more was said before the user signed in, and who comes and goes.
    pub(crate) fn any_event(&mut self) -> Value {
        match self.next("event") {
            Some(Line::Output(line)) => {
                let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| self.fail("no JSON"));
                let is_ignored = event["event"] == "caught_up" || is_presence(&event);
                if is_ignored { self.any_event() } else { event }
            }
            Some(Line::Complaint(_)) => self.any_event(),
            None => self.fail("it ended"),
        }
    }

    /// Waits for a line of its log, and returns it.
    pub(crate) fn complaint(&mut self, wanted: &str) -> String {
        loop {
            match self.next(wanted) {
                Some(Line::Complaint(line)) if line.contains(wanted) => return line,
                Some(_) => (),
                None => self.fail(&format!("it ended without complaining of {wanted}")),
            }
        }
    }

    /// Waits for a line of its output.
    pub(crate) fn output(&mut self, wanted: &str) {
        loop {
            match self.next(wanted) {
                Some(Line::Output(line)) if line == wanted => return,
                Some(_) => (),
                None => self.fail(&format!("it ended without {wanted}")),
            }
        }
    }

    /// Waits for its end; all that it wrote since, but who comes and goes, and its exit status.
    pub(crate) fn end(mut self) -> (Vec<Value>, Option<i32>) {
        let mut rest = Vec::new();
        while let Some(line) = self.next("end") {
            if let Line::Output(line) = line {
                let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| self.fail("no JSON"));
                rest.extend(Some(event).filter(|event| !is_presence(event)));
            }
        }
        (rest, self.status())
    }

    /// Waits for its end; its exit status.
    pub(crate) fn status(mut self) -> Option<i32> {
        while self.next("end").is_some() {}
        wait(&mut self.child).unwrap_or_else(|| self.fail("it does not end"))
    }

    /// Changes a limit of the process, by an option of prlimit(1).
    #[cfg(target_os = "linux")]
    pub(crate) fn limit(&self, option: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("prlimit").args(["--pid", &pid, option]).status().unwrap().success());
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}

/// Whether an event tells that somebody has come or gone, which may be at any time.
fn is_presence(event: &Value) -> bool {
    event["event"] == "changed_user_data" && event["position"].is_null()
}

/// Waits for a process to end: its status; `None` if it does not end.
pub(crate) fn wait(child: &mut Child) -> Option<Option<i32>> {
    let deadline = Instant::now() + WAIT;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code());
        }
        thread::sleep(Duration::from_millis(2));
    }
    None
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn read(from: impl Read + Send + 'static, to: Sender<Line>, kind: fn(String) -> Line) {
    thread::spawn(move || {
        // When nobody wants to know any more, the lines go nowhere.
        BufReader::new(from).lines().map_while(Result::ok).for_each(|line| _ = to.send(kind(line)));
    });
}

/// The program with these arguments, and nothing from the environment.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args).env_remove("STATE_DIRECTORY");
    let variables = std::env::vars_os().map(|(name, _)| name);
    let ours = variables.filter(|name| name.to_string_lossy().starts_with("SKARO_"));
    ours.for_each(|name| _ = command.env_remove(name));
    command
}

pub(crate) fn password(login: &str) -> &'static str {
    // A password may contain colons; a login may not.
    if login == "alice" { "correct:horse" } else { "battery staple" }
}

/// Starts a server, and waits until it listens; returns it with its URL.
pub(crate) fn serve(listen: &str) -> (Process, String) {
    let users = ["--user", "alice:correct:horse", "--user", "bob:battery staple"];
    let mut serve = Process::start(&[&["serve", "--memory", "--listen", listen], &users[..]].concat());
    let url = serve.address();
    (serve, url)
}

/// Which adapter a chat takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adapter(pub(crate) &'static [&'static str]);

/// Both of them.
pub(crate) const ADAPTERS: [Adapter; 2] = [Adapter(&[]), Adapter(&["--blocking"])];

impl Adapter {
    pub(crate) fn chat(self, args: &[&str]) -> Process {
        Process::start(&[&["chat", "--json"], self.0, args].concat())
    }

    pub(crate) fn guest(self, url: &str) -> Process {
        let mut chat = self.chat(&["--url", url]);
        chat.event("connected");
        chat
    }

    pub(crate) fn user(self, url: &str, login: &str) -> Process {
        let mut chat = self.chat(&["--url", url, "--login", login, "--password", password(login)]);
        chat.event("authorized");
        chat
    }
}
