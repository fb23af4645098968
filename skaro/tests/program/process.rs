//! The program as a process, and what one can ask of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Long enough for a slow machine; whatever takes longer hangs.
pub(crate) const WAIT: Duration = Duration::from_secs(20);

/// The program that is tested.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_skaro");

/// A program that runs, until this is dropped.
///
/// Its output and its complaints come through two pipes, so which of two lines was written first is not known across them:
/// each is waited for by itself, and waiting for one loses none of the other.
pub(crate) struct Process {
    name: String,
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    output: Receiver<String>,
    complaints: Receiver<String>,
    /// All that it has written so far.
    transcript: Arc<Mutex<Vec<String>>>,
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
        let transcript = Arc::new(Mutex::new(Vec::new()));
        Process {
            name: format!("{command:?}"),
            output: read(child.stdout.take().unwrap(), Arc::clone(&transcript)),
            complaints: read(child.stderr.take().unwrap(), Arc::clone(&transcript)),
            stdin: child.stdin.take(),
            child,
            transcript,
        }
    }

    /// Where a server that was just started listens.
    pub(crate) fn address(&mut self) -> String {
        let Some(line) = self.next("line") else {
            // Its reason may still be on its way.
            while self.receive(&self.complaints, "end").is_some() {}
            self.fail("it does not listen")
        };
        let url = line.strip_prefix("listening on ").unwrap_or_else(|| self.fail("it does not listen"));
        assert!(url.starts_with("ws") && url.ends_with("/skaro_client/"), "{url}");
        url.into()
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// All that it has written so far.
    pub(crate) fn transcript(&self) -> String {
        self.transcript.lock().unwrap().join("\n")
    }

    pub(crate) fn end_of_input(&mut self) {
        self.stdin = None;
    }

    /// The next line of its output; `None` when there are no more.
    pub(crate) fn next(&mut self, wanted: &str) -> Option<String> {
        self.receive(&self.output, wanted)
    }

    fn receive(&self, lines: &Receiver<String>, wanted: &str) -> Option<String> {
        match lines.recv_timeout(WAIT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => self.fail(&format!("no {wanted} within {WAIT:?}")),
        }
    }

    pub(crate) fn fail(&self, problem: &str) -> ! {
        panic!("{}: {problem}; so far it wrote:\n{}", self.name, self.transcript())
    }

    /// The next event, which must be of this type unless it is one that may come at any time.
    pub(crate) fn event(&mut self, wanted: &str) -> Value {
        self.event_of(&[wanted])
    }

    /// The next event of one of these types.
    pub(crate) fn event_of(&mut self, wanted: &[&str]) -> Value {
        loop {
            let Some(event) = self.next_event(&wanted.join(" or ")) else {
                self.fail(&format!("it ended without {wanted:?}"))
            };
            if wanted.iter().any(|wanted| event["event"] == *wanted) {
                return event;
            }
        }
    }

    /// The next event of any type, except that nothing more was said before the user signed in, and who comes and goes.
    pub(crate) fn any_event(&mut self) -> Value {
        loop {
            let event = self.next_event("event").unwrap_or_else(|| self.fail("it ended"));
            if event["event"] != "caught_up" && !is_presence(&event) {
                return event;
            }
        }
    }

    fn next_event(&mut self, wanted: &str) -> Option<Value> {
        let line = self.next(wanted)?;
        Some(serde_json::from_str(&line).unwrap_or_else(|_| self.fail("no JSON")))
    }

    /// Waits for a line of its log, and returns it.
    pub(crate) fn complaint(&mut self, wanted: &str) -> String {
        loop {
            match self.receive(&self.complaints, wanted) {
                Some(line) if line.contains(wanted) => return line,
                Some(_) => (),
                None => self.fail(&format!("it ended without complaining of {wanted}")),
            }
        }
    }

    /// Waits for a line of its output.
    pub(crate) fn output(&mut self, wanted: &str) {
        loop {
            match self.next(wanted) {
                Some(line) if line == wanted => return,
                Some(_) => (),
                None => self.fail(&format!("it ended without {wanted}")),
            }
        }
    }

    /// Waits for its end; all events since, but who comes and goes, and its exit status.
    pub(crate) fn end(mut self) -> (Vec<Value>, Option<i32>) {
        let mut rest = Vec::new();
        while let Some(event) = self.next_event("end") {
            rest.extend(Some(event).filter(|event| !is_presence(event)));
        }
        (rest, self.status())
    }

    /// Waits for its end; all that it wrote, and its exit status.
    pub(crate) fn rest(mut self) -> (String, Option<i32>) {
        for lines in [&self.output, &self.complaints] {
            while self.receive(lines, "end").is_some() {}
        }
        let status = wait(&mut self.child).unwrap_or_else(|| self.fail("it does not end"));
        (self.transcript(), status)
    }

    /// Waits for its end; its exit status.
    pub(crate) fn status(self) -> Option<i32> {
        self.rest().1
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

fn read(from: impl Read + Send + 'static, transcript: Arc<Mutex<Vec<String>>>) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            transcript.lock().unwrap().push(line.clone());
            // When nobody wants to know any more, the lines go nowhere.
            _ = sender.send(line);
        }
    });
    lines
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
