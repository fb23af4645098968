//! New options while a server runs: what is refused, what is told, and that nothing waits for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use crate::files::Files;
use crate::process::{ADAPTERS, Process, WAIT, command, wait};

/// A server whose options are in a file of its folder, and that tells numbers.
struct Served {
    files: Files,
    process: Process,
    url: String,
    metrics: String,
}

impl Served {
    fn start(options: &str) -> Served {
        let files = Files::new();
        let served = |text: &str| format!("listen = '127.0.0.1:0'\nmetrics = '127.0.0.1:0'\n{text}\n");
        files.write("skaro.toml", &served(options));
        let mut process = Process::run(command(&["serve"]).current_dir(files.folder()));
        let url = process.address();
        let line = process.complaint("metrics are at http://");
        let metrics = line.split("http://").nth(1).unwrap().trim_end_matches("/metrics").to_owned();
        Served { files, process, url, metrics }
    }

    /// Changes the options.
    fn options(&self, text: &str) {
        let all = format!("listen = '127.0.0.1:0'\nmetrics = '127.0.0.1:0'\n{text}\n");
        self.files.write("skaro.toml", &all);
    }

    /// Has the options read again; the exit status, and what is told.
    fn reload(&self) -> (Option<i32>, String) {
        let mut reload = command(&["reload", "--data", "skaro-data", "--config", "/dev/null"]);
        let ended = reload.current_dir(self.files.folder()).output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.metrics).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// Returns whether a line with this text comes in time.
fn line_with(from: impl Read + Send + 'static, text: &'static str) -> bool {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(from).lines().map_while(Result::ok);
        _ = tell.send(lines.any(|line| line.contains(text)));
    });
    told.recv_timeout(WAIT).unwrap_or(false)
}

fn make_pipe(path: &str) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_file_that_has_gone_or_forgets_tls_opens_nothing() {
    let files = Files::new();
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let made = command(&["certificate", "--cert", &cert, "--key", &key]).output().unwrap();
    assert!(made.status.success());
    let mut served = Served::start(&format!("tls-cert = '{cert}'\ntls-key = '{key}'"));
    let url = served.url.replace("127.0.0.1", "localhost");
    assert!(url.starts_with("wss://"));
    std::fs::rename(served.files.path("skaro.toml"), served.files.path("elsewhere")).unwrap();
    let (status, told) = served.reload();
    assert!(status == Some(66) && told.contains("skaro.toml is not there any more"), "{told}");
    served.process.complaint("no option was changed: skaro.toml is not there");
    served.options("");
    for _ in 0..2 {
        let (status, told) = served.reload();
        assert!(status == Some(0) && told.contains("TLS is changed only by a restart"), "{told}");
        ADAPTERS[0].chat(&["--url", &url, "--ca", &cert]).event("connected");
    }
    // And the other way round.
    let mut served = Served::start("");
    served.options(&format!("tls-cert = '{cert}'\ntls-key = '{key}'"));
    let (status, told) = served.reload();
    assert!(status == Some(0) && told.contains("TLS is changed only by a restart"), "{told}");
    ADAPTERS[0].chat(&["--url", &served.url]).event("connected");
    served.process.complaint("TLS is changed only by a restart");
}

#[test]
fn a_pipe_without_an_end_holds_nothing_up() {
    let mut served = Served::start("");
    let pipe = served.files.path("pipe");
    make_pipe(&pipe);
    served.options(&format!("user-file = '{pipe}'"));
    let (status, told) = served.reload();
    assert!(status == Some(66) && told.contains("is a pipe"), "{told}");
    std::fs::rename(&pipe, served.files.path("skaro.toml")).unwrap();
    let (status, told) = served.reload();
    assert!(status == Some(66) && told.contains("skaro.toml is a pipe"), "{told}");
    served.process.complaint("skaro.toml is a pipe");
    assert!(served.get("/alive").ends_with("alive\n"));
    served.process.signal("TERM");
    assert_eq!(served.process.status(), Some(0));
}

/// What is not known for a pipe may hang all the same: here a file that appears where there was none.
#[test]
fn a_server_lives_and_ends_while_its_options_are_read() {
    let files = Files::new();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    let mut process = Process::run(command(&serve).current_dir(files.folder()));
    let url = process.address();
    let line = process.complaint("metrics are at http://");
    let metrics = line.split("http://").nth(1).unwrap().trim_end_matches("/metrics").to_owned();
    let served = Served { files, process, url, metrics };
    make_pipe(&served.files.path("skaro.toml"));
    served.process.signal("HUP");
    let mut reload = command(&["reload", "--data", "skaro-data", "--config", "/dev/null"]);
    let mut reload = reload.current_dir(served.files.folder()).stderr(Stdio::null()).spawn().unwrap();
    assert!(served.get("/alive").ends_with("alive\n"));
    served.process.signal("TERM");
    assert_eq!(served.process.status(), Some(0));
    reload.wait().unwrap();
}

#[test]
fn a_fault_has_the_status_of_a_check() {
    let mut served = Served::start("");
    let missing = served.files.path("missing");
    let broken = served.files.write("users", "hunter2\n");
    for (text, status) in [
        ("max-connections = 'many'".into(), 78),
        (format!("user-file = '{missing}'"), 66),
        (format!("user-file = '{broken}'"), 78),
        (format!("tls-cert = '{missing}'\ntls-key = '{missing}'"), 66),
    ] {
        served.options(&text);
        let (ended, told) = served.reload();
        assert_eq!(ended, Some(status), "{told}");
        let mut check = command(&["serve", "--check"]);
        assert_eq!(
            check.current_dir(served.files.folder()).output().unwrap().status.code(),
            Some(status),
            "{text}"
        );
        served.process.complaint("no option was changed");
    }
}

/// One transaction for each of them would take minutes on a slow disk.
#[test]
fn many_users_are_added_together() {
    let served = Served::start("");
    let users: String = (0..2000).map(|n| format!("user{n}:hunter2\n")).collect();
    let users = served.files.write("users", &users);
    served.options(&format!("user-file = '{users}'"));
    assert_eq!(served.reload(), (Some(0), String::new()));
    let metrics = served.get("/metrics");
    let commits = metrics.lines().find_map(|line| line.strip_prefix("skaro_store_commit_seconds_count "));
    assert!(commits.unwrap().parse::<u64>().unwrap() < 1000, "{metrics}");
    let list = command(&["user", "list", "--data", &served.files.path("skaro-data")]).output().unwrap();
    assert_eq!(String::from_utf8(list.stdout).unwrap().lines().count(), 2000);
}

#[test]
fn a_socket_that_is_gone_is_told() {
    let served = Served::start("");
    std::fs::remove_file(served.files.path("skaro-data/control")).unwrap();
    let (status, told) = served.reload();
    assert!(status == Some(75) && told.contains("in use by a server that can't be reached"), "{told}");
}

/// Whoever does not read the log stops nothing.
#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let files = Files::new();
    let data = files.path("data");
    let (mut log, unread) = UnixStream::pair().unwrap();
    log.set_nonblocking(true).unwrap();
    while log.write(&[b'x'; 4096]).is_ok() {}
    while log.write(b"x").is_ok() {}
    log.set_nonblocking(false).unwrap();
    let mut serve = command(&["serve", "--listen", "127.0.0.1:0", "--data", &data]);
    let log = std::os::fd::OwnedFd::from(log);
    let mut child = serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let listens = line_with(child.stdout.take().unwrap(), "listening on");
    let mut add = command(&["user", "add", "alice", "--data", &data]);
    let mut add = add.stdin(Stdio::piped()).spawn().unwrap();
    add.stdin.take().unwrap().write_all(b"hunter2\n").unwrap();
    assert_eq!(wait(&mut add), Some(Some(0)));
    let kill = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let ended = wait(&mut child);
    _ = child.kill();
    assert_eq!((listens, ended), (true, Some(Some(0))));
    drop(unread);
}

#[cfg(target_os = "linux")]
#[test]
fn a_first_line_that_is_not_written_is_told() {
    let files = Files::new();
    let mut serve = command(&["serve", "--listen", "127.0.0.1:0", "--data", &files.path("data")]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut child = serve.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let is_told = line_with(child.stderr.take().unwrap(), "does not tell where");
    _ = child.kill();
    _ = child.wait();
    assert!(is_told);
}
