//! An example as a process, and what one can ask of it.

use std::env::{self, consts::EXE_SUFFIX};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Long enough for a slow machine; whatever takes longer hangs.
pub(crate) const WAIT: Duration = Duration::from_secs(20);

/// Where an example is. Cargo builds those of a package before its tests; another package's may have to be built.
fn path(example: &str) -> PathBuf {
    let tests = env::current_exe().unwrap();
    let path = tests.parent().unwrap().with_file_name("examples").join(example.to_owned() + EXE_SUFFIX);
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = BUILDING.lock();
    if !path.exists() {
        let built = Command::new(env!("CARGO")).args(["build", "--workspace", "--example", example]).status();
        assert!(built.unwrap().success() && path.exists(), "{} can't be built", path.display());
    }
    path
}

/// An example that runs, until this is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    lines: Receiver<Line>,
    /// What it has written so far.
    transcript: Vec<String>,
}

pub(crate) enum Line {
    Output(String),
    Complaint(String),
}

impl Process {
    pub(crate) fn start(example: &str, args: &[&str]) -> Process {
        let mut command = Command::new(path(example));
        command.args(args).env_remove("SKARO_PASSWORD");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        read(child.stdout.take().unwrap(), sender.clone(), Line::Output);
        read(child.stderr.take().unwrap(), sender, Line::Complaint);
        let stdin = child.stdin.take();
        Process { name: format!("{example} {args:?}"), child, stdin, lines, transcript: Vec::new() }
    }

    pub(crate) fn chat(args: &[&str]) -> Process {
        Process::start(crate::CHAT, &[&["--json"], args].concat())
    }

    pub(crate) fn guest(url: &str) -> Process {
        let mut chat = Process::chat(&["--url", url]);
        chat.event("connected");
        chat
    }

    pub(crate) fn user(url: &str, login: &str) -> Process {
        let mut chat = Process::chat(&["--url", url, "--login", login, "--password", password(login)]);
        chat.event("authorized");
        chat
    }

    /// Where a server that was just started listens.
    pub(crate) fn address(&mut self) -> String {
        let Some(Line::Output(line)) = self.next("line") else { self.fail("it does not listen") };
        let url = line.strip_prefix("listening on ").unwrap_or_else(|| self.fail("it does not listen"));
        assert!(url.starts_with("ws") && url.ends_with("/skaro_client/"), "{url}");
        url.into()
    }

    pub(crate) fn type_line(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    pub(crate) fn end_of_input(&mut self) {
        self.stdin = None;
    }

    /// The next line that it writes; `None` when there are no more.
    pub(crate) fn next(&mut self, wanted: &str) -> Option<Line> {
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

    /// The next event of any type.
    pub(crate) fn any_event(&mut self) -> Value {
        match self.next("event") {
            Some(Line::Output(line)) => serde_json::from_str(&line).unwrap_or_else(|_| self.fail("no JSON")),
            Some(Line::Complaint(_)) => self.any_event(),
            None => self.fail("it ended"),
        }
    }

    pub(crate) fn complaint(&mut self, wanted: &str) {
        loop {
            match self.next(wanted) {
                Some(Line::Complaint(line)) if line.contains(wanted) => return,
                Some(_) => (),
                None => self.fail(&format!("it ended without complaining of {wanted}")),
            }
        }
    }

    /// Waits for a line of its output.
    #[allow(dead_code, reason = "this file belongs to two tests")]
    pub(crate) fn output(&mut self, wanted: &str) {
        loop {
            match self.next(wanted) {
                Some(Line::Output(line)) if line == wanted => return,
                Some(_) => (),
                None => self.fail(&format!("it ended without {wanted}")),
            }
        }
    }

    /// Waits for its end; all that it wrote since, and its exit status.
    pub(crate) fn end(mut self) -> (Vec<Value>, Option<i32>) {
        let mut rest = Vec::new();
        while let Some(line) = self.next("end") {
            if let Line::Output(line) = line {
                rest.push(serde_json::from_str(&line).unwrap_or_else(|_| self.fail("no JSON")));
            }
        }
        (rest, self.status())
    }

    /// Waits for its end; its exit status.
    pub(crate) fn status(mut self) -> Option<i32> {
        while self.next("end").is_some() {}
        let deadline = Instant::now() + WAIT;
        loop {
            // It has closed its output, so this takes no more than a few turns.
            match self.child.try_wait().unwrap() {
                Some(status) => return status.code(),
                None if Instant::now() > deadline => self.fail("it does not end"),
                None => thread::yield_now(),
            }
        }
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
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

pub(crate) fn password(login: &str) -> &'static str {
    // A password may contain colons; a login may not.
    if login == "alice" { "correct:horse" } else { "battery staple" }
}

/// Starts a server, and waits until it listens; returns it with its URL.
pub(crate) fn serve(listen: &str) -> (Process, String) {
    let users = ["--user", "alice:correct:horse", "--user", "bob:battery staple"];
    let mut serve = Process::start("serve", &[&["--listen", listen], &users[..]].concat());
    let url = serve.address();
    (serve, url)
}
