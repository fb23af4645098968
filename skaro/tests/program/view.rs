//! The full-screen view in a terminal that tmux makes: what one sees, as text.

use std::io::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::files::Files;
use crate::process::{ADAPTERS, PROGRAM, WAIT, password, serve};

/// A terminal of its own, until this is dropped.
pub(crate) struct Tmux {
    socket: String,
}

impl Tmux {
    /// Starts a shell script in a terminal of this size; `None` where there is no tmux, unless it must be there.
    pub(crate) fn start(columns: u32, rows: u32, script: &str) -> Option<Tmux> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if Command::new("tmux").arg("-V").output().is_err() {
            let must = std::env::var_os("SKARO_NEEDS_TMUX").is_some();
            assert!(!must, "tmux is missing; on Debian: apt-get install tmux");
            // Not by a macro, whose output the tests keep to themselves.
            let skipped = "SKIPPED: tmux is missing, so nobody has looked at the full-screen view\n";
            std::io::stderr().write_all(skipped.as_bytes()).unwrap();
            return None;
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let tmux = Tmux { socket: format!("skaro-test-{}-{number}", std::process::id()) };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let size = ["new-session", "-d", "-x", &columns, "-y", &rows];
        tmux.run(&[&["-u", "-f", "/dev/null"][..], &size, &["bash", "--norc", "-c", script]].concat());
        Some(tmux)
    }

    pub(crate) fn run(&self, args: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        tmux.args(["-L", &self.socket]).args(args).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        tmux.env_remove("TMUX").env_remove("SKARO_PASSWORD").env_remove("NO_COLOR");
        let ran = tmux.output().unwrap();
        assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    pub(crate) fn types(&self, text: &str) {
        self.run(&["send-keys", "-l", text]);
    }

    pub(crate) fn press(&self, key: &str) {
        self.run(&["send-keys", key]);
    }

    fn resize(&self, columns: u32, rows: u32) {
        self.run(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// The screen, with `00:00` for each time of day.
    pub(crate) fn screen(&self) -> String {
        timeless(&self.run(&["capture-pane", "-p"]))
    }

    /// Waits until the screen is as it should be.
    pub(crate) fn until(&self, wanted: &str, is_there: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + WAIT;
        loop {
            let screen = self.screen();
            if is_there(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "no {wanted} on the screen:\n{screen}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn shows(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        _ = Command::new("tmux").args(["-L", &self.socket, "kill-server"]).output();
    }
}

/// Replaces times of day by 00:00.
pub(crate) fn timeless(screen: &str) -> String {
    let mut characters: Vec<_> = screen.chars().collect();
    for at in 0..characters.len().saturating_sub(4) {
        let is_digit = |offset: usize| characters[at + offset].is_ascii_digit();
        if characters[at + 2] == ':' && [0, 1, 3, 4].into_iter().all(is_digit) {
            for offset in [0, 1, 3, 4] {
                characters[at + offset] = '0';
            }
        }
    }
    characters.into_iter().collect()
}

/// Waits until the screen is that in a file; writes the file instead if `SKARO_SCREENS=write`.
pub(crate) fn compare(name: &str, screen: impl Fn() -> String) {
    let path = format!("{}/tests/program/screens/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("SKARO_SCREENS").is_some_and(|value| value == "write") {
        std::thread::sleep(Duration::from_secs(1));
        std::fs::write(&path, screen()).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let deadline = Instant::now() + WAIT;
    while screen() != expected {
        let late = Instant::now() > deadline;
        assert!(!late, "not as in {name}:\n{}\nSKARO_SCREENS=write replaces it", screen());
        std::thread::sleep(Duration::from_millis(10));
    }
}

const MESSAGES: [&str; 5] = [
    "hello 👋 alice, are you coming to the library on Saturday, or do we meet somewhere else?",
    "👩\u{200d}💻 👍🏽 ❤\u{fe0f} 🇩🇪 1\u{fe0f}\u{20e3}",
    "שלום עולם! مرحبا بالعالم",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftspräsidentin",
    "\u{1b}[2J\u{7}\u{202e} 你好，世界。今天天气很好，我们去图书馆吧。",
];

/// Emoji, right-to-left text and long words come while somebody types, in terminals of three widths.
#[test]
fn messages_that_arrive_leave_a_half_typed_line_and_the_layout_alone() {
    let (_serve, url) = serve("127.0.0.1:0");
    let files = Files::new();
    let password_file = files.write("password", password("alice"));
    let mut bob = ADAPTERS[0].user(&url, "bob");
    let script = format!("'{PROGRAM}' chat --url {url} --login alice --password-file '{password_file}'");
    let Some(tmux) = Tmux::start(80, 18, &script) else { return };
    tmux.shows("signed in as alice");
    tmux.types("/to bob");
    tmux.press("Enter");
    tmux.shows("to bob>");
    tmux.types("half a 👩\u{200d}💻 li");
    tmux.shows("half a");
    for message in MESSAGES {
        bob.type_line(&format!("/msg alice {message}"));
        bob.event("message_sent");
    }
    tmux.shows("图书馆吧");
    tmux.types("ne");
    for (columns, rows) in [(80, 18), (40, 24), (120, 14)] {
        tmux.resize(columns, rows);
        compare(&format!("{columns}.txt"), || tmux.screen());
    }
    tmux.press("Enter");
    // What was typed is sent as it was typed.
    assert_eq!(bob.event("message")["message"]["body"], "half a 👩\u{200d}💻 line");
}

#[test]
fn the_view_leaves_the_terminal_as_it_was() {
    let script = |end: &str| {
        format!(
            "echo before; '{PROGRAM}' chat{end}; echo \"status $?\"; \
             stty -a | tr ' ;' '\\n\\n' | grep -c -x -e echo -e icanon; cat"
        )
    };
    for end in ["/quit", "C-d", "C-c", "TERM", "HUP"] {
        let Some(tmux) = Tmux::start(60, 10, &script("")) else { return };
        tmux.shows("to bob>");
        match end {
            "/quit" => {
                tmux.types("/quit");
                tmux.press("Enter");
            }
            "TERM" | "HUP" => {
                let kill = format!(
                    "kill -{end} $(ps -o pid= --ppid $(tmux -L {} list-panes -F '#{{pane_pid}}'))",
                    tmux.socket
                );
                assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
            }
            key => tmux.press(key),
        }
        // The screen from before is there again, and the terminal echoes.
        let screen = tmux.shows("status 0\n2\n");
        assert!(screen.starts_with("before\nstatus 0\n"), "{end}: {screen}");
        tmux.types("echoed");
        tmux.shows("echoed");
    }
}

#[test]
fn the_view_can_be_stopped_and_continued() {
    let script =
        format!("set -m; '{PROGRAM}' chat; echo stopped: $?; read; fg > /dev/null; echo status $?; cat");
    let Some(tmux) = Tmux::start(60, 10, &script) else { return };
    tmux.shows("to bob>");
    tmux.types("half");
    tmux.shows("half");
    tmux.press("C-z");
    tmux.shows("stopped: 148");
    tmux.press("Enter");
    tmux.shows("to bob> half");
    tmux.types(" a line?");
    tmux.press("Enter");
    tmux.shows("Good question.");
    tmux.press("C-c");
    tmux.shows("status 0");
}

/// What a person has to know is not gone with the view.
#[test]
fn a_failure_is_told_when_the_view_is_gone() {
    let (server, url) = serve("127.0.0.1:0");
    let files = Files::new();
    let file = files.write("password", password("alice"));
    let script = format!(
        "'{PROGRAM}' chat --url {url} --login alice --password-file '{file}' --no-reconnect; echo status $?; cat"
    );
    let Some(tmux) = Tmux::start(80, 10, &script) else { return };
    tmux.shows("signed in as alice");
    server.signal("TERM");
    let screen = tmux.shows("status 75");
    assert!(screen.contains("disconnected"), "{screen}");
}

/// Only what is on the screen counts as read.
#[test]
fn only_the_open_dialog_is_read() {
    let (_serve, url) = serve("127.0.0.1:0");
    let files = Files::new();
    let file = files.write("password", password("alice"));
    let mut bob = ADAPTERS[0].user(&url, "bob");
    bob.type_line("/msg alice one");
    bob.event("message_sent");
    let script = format!("'{PROGRAM}' chat --url {url} --login alice --password-file '{file}'");
    let Some(tmux) = Tmux::start(80, 12, &script) else { return };
    tmux.shows("● bob 1");
    bob.type_line("/msg alice two");
    tmux.shows("● bob 2");
    let mut alice = ADAPTERS[0].user(&url, "alice");
    alice.type_line("/contacts");
    assert_eq!(alice.event("contacts")["contacts"][0]["unread"], 2);
    tmux.press("Tab");
    tmux.until("both messages", |screen| screen.contains("bob: one") && screen.contains("bob: two"));
    // The mark is an entry in the log of all devices.
    assert_eq!(alice.event("read")["login"], "bob");
    alice.type_line("/contacts");
    assert_eq!(alice.event("contacts")["contacts"][0]["unread"], 0);
    assert!(!tmux.screen().contains("unread"), "{}", tmux.screen());
}

/// The server tells presence only with the contacts. Who writes is there.
#[test]
fn whoever_writes_is_online() {
    let (_serve, url) = serve("127.0.0.1:0");
    let files = Files::new();
    let file = files.write("password", password("alice"));
    let bob = || ADAPTERS[0].user(&url, "bob");
    let mut before = bob();
    before.type_line("/msg alice before");
    before.event("message_sent");
    before.end_of_input();
    assert_eq!(before.status(), Some(0));
    let script = format!("'{PROGRAM}' chat --url {url} --login alice --password-file '{file}'");
    let Some(tmux) = Tmux::start(80, 12, &script) else { return };
    tmux.shows("○ bob 1");
    let mut now = bob();
    now.type_line("/msg alice here I am");
    tmux.shows("● bob 2");
}

/// A wrong password is asked for again, within the view.
#[test]
fn a_wrong_password_is_asked_for_again() {
    let (_serve, url) = serve("127.0.0.1:0");
    let files = Files::new();
    let file = files.write("password", "wrong");
    let script = format!("'{PROGRAM}' chat --url {url} --login alice --password-file '{file}'");
    let Some(tmux) = Tmux::start(60, 12, &script) else { return };
    tmux.shows("Password of alice:");
    tmux.types(password("alice"));
    tmux.shows("*************");
    tmux.press("Enter");
    let screen = tmux.shows("signed in as alice");
    assert!(!screen.contains("horse"), "{screen}");
}

/// Nobody is left who waits for keys.
#[test]
fn the_view_ends_with_its_terminal() {
    for options in ["", " --plain"] {
        let Some(tmux) = Tmux::start(60, 10, &format!("exec '{PROGRAM}' chat{options}")) else { return };
        tmux.shows("to bob>");
        let process = tmux.run(&["list-panes", "-F", "#{pane_pid}"]);
        drop(tmux);
        let deadline = Instant::now() + WAIT;
        loop {
            let ps = Command::new("ps").args(["-o", "stat=", "-p", process.trim()]).output().unwrap();
            // Gone, or nobody has asked for its status.
            if ps.stdout.is_empty() || ps.stdout.starts_with(b"Z") {
                break;
            }
            assert!(Instant::now() < deadline, "it goes on without a terminal");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// All that comes at once is there, and the last of it is seen.
#[test]
fn a_thousand_messages_at_once_are_shown_while_somebody_types() {
    let (_serve, url) = serve("127.0.0.1:0");
    let files = Files::new();
    let file = files.write("password", password("alice"));
    let mut bob = ADAPTERS[0].user(&url, "bob");
    let script = format!("'{PROGRAM}' chat --url {url} --login alice --password-file '{file}'");
    let Some(tmux) = Tmux::start(60, 12, &script) else { return };
    tmux.shows("signed in as alice");
    tmux.types("/to bob");
    tmux.press("Enter");
    tmux.shows("to bob>");
    for number in 1..=990 {
        bob.type_line(&format!("/msg alice number {number}"));
        if number % 300 == 0 {
            tmux.types("x");
        }
    }
    tmux.shows("number 990");
    tmux.shows("to bob> xxx");
    for _ in 0..10 {
        tmux.press("PageUp");
    }
    tmux.shows("▼ PageDown");
    tmux.press("Enter");
    let sent = tmux.shows("alice: xxx");
    assert!(sent.contains("number 990"), "{sent}");
}

/// The line-based chat in a narrow terminal.
#[test]
fn lines_break_between_words_in_a_narrow_terminal() {
    let (_serve, url) = serve("127.0.0.1:0");
    let files = Files::new();
    let file = files.write("password", password("alice"));
    let mut bob = ADAPTERS[0].user(&url, "bob");
    let script = format!("'{PROGRAM}' chat --plain --url {url} --login alice --password-file '{file}'");
    let Some(tmux) = Tmux::start(40, 20, &script) else { return };
    tmux.shows("signed in as alice");
    tmux.types("half a line that is longer than forty columns");
    tmux.shows("columns");
    for message in MESSAGES {
        bob.type_line(&format!("/msg alice {message}"));
        bob.event("message_sent");
    }
    let screen = tmux.shows("图书馆吧");
    let broken = "00:00 bob: hello 👋 alice, are you\n    coming to the library on Saturday,\n    or do we";
    assert!(screen.contains(broken), "{screen}");
    tmux.types("!");
    tmux.until("half-typed line", |screen| {
        screen.trim_end().ends_with("> half a line that is longer than forty\ncolumns!")
    });
}

#[test]
fn a_history_is_shown_in_its_dialog() {
    let (_serve, url) = serve("127.0.0.1:0");
    let files = Files::new();
    let file = files.write("password", password("alice"));
    let mut bob = ADAPTERS[0].user(&url, "bob");
    for number in 1..=3 {
        bob.type_line(&format!("/msg alice number {number}."));
        bob.event("message_sent");
    }
    let script = format!("'{PROGRAM}' chat --url {url} --login alice --password-file '{file}'");
    let Some(tmux) = Tmux::start(80, 12, &script) else { return };
    tmux.shows("signed in as alice");
    tmux.types("/to alice");
    tmux.press("Enter");
    tmux.shows("to alice>");
    tmux.types("/history bob 2");
    tmux.press("Enter");
    tmux.shows("to bob>");
    let screen = tmux.shows("number 3.");
    assert!(screen.contains("number 2.") && !screen.contains("number 1."), "{screen}");
}

/// Pages come from the server until there are no more.
#[test]
fn older_messages_come_by_pages() {
    let (_serve, url) = serve("127.0.0.1:0");
    let files = Files::new();
    let file = files.write("password", password("alice"));
    let mut bob = ADAPTERS[0].user(&url, "bob");
    for number in 1..=120 {
        bob.type_line(&format!("/msg alice number {number}."));
        bob.event("message_sent");
    }
    let script = format!("'{PROGRAM}' chat --url {url} --login alice --password-file '{file}'");
    let Some(tmux) = Tmux::start(60, 12, &script) else { return };
    tmux.shows("unread: bob 120");
    tmux.press("C-n");
    tmux.shows("number 120.");
    let mut pages = 0;
    while !tmux.screen().contains("number 1.") {
        tmux.press("PageUp");
        pages += 1;
        assert!(pages < 1000, "{}", tmux.screen());
    }
    let rows: Vec<_> = (1..=9).map(|number| format!("bob: number {number}.")).collect();
    let screen = tmux.until("first messages", |screen| rows.iter().all(|row| screen.contains(row)));
    assert!(screen.contains("▼ PageDown"), "{screen}");
}
