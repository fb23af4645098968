//! The server is killed again and again while fifty clients send messages to each other: not one message is lost, doubled,
//! out of order or unknown, and nobody is signed out.
//!
//! `ROUNDS=100 cargo test -p skaro --test crash -- --nocapture` makes it longer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what went wrong by panicking"
)]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use skaro_scenarios::adapters::Blocking;
use skaro_scenarios::devices::{DEVICES, Device, USERS, compare_logs, login, options, read_log};
use tempfile::TempDir;

/// Time for which the usual tests kill it.
const TIME: Duration = Duration::from_secs(10);

/// Time within which a server must listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Time between two messages of a device: the server takes 50 per second from each user.
const PACE: Duration = Duration::from_millis(60);

#[test]
fn nothing_is_lost_or_doubled_when_the_server_is_killed() {
    let rounds = std::env::var("ROUNDS").ok().map(|rounds| rounds.parse::<usize>().expect("a number"));
    let place = TempDir::new().unwrap();
    let mut server = Server::start(place.path(), "127.0.0.1:0".parse().unwrap());
    let address = server.address;
    let mut devices: Vec<_> = (0..DEVICES).map(|n| new_device(n, address)).collect();

    let is_over = AtomicBool::new(false);
    let mut kills = 0;
    let began = Instant::now();
    thread::scope(|threads| {
        let _over = Over(&is_over);
        let all: Vec<_> = devices.iter_mut().map(|device| threads.spawn(|| device.chat(&is_over))).collect();
        let is_enough = |kills| rounds.map_or(began.elapsed() >= TIME, |rounds| kills >= rounds);
        // Devices end early only if they panic.
        while !is_enough(kills) && !all.iter().any(thread::ScopedJoinHandle::is_finished) {
            // Some servers don't get far.
            let millis = if fastrand::u8(..5) == 0 { 0..200 } else { 500..3000 };
            thread::sleep(Duration::from_millis(fastrand::u64(millis)));
            server.await_write();
            // A backup that is under way when the server is killed is whole as well.
            let backup = (kills % 3 == 0).then(|| Backup::start(place.path(), kills));
            server.replace();
            kills += 1;
            backup.into_iter().for_each(Backup::check);
        }
    });

    // What was acknowledged last is there as well.
    server.replace();
    let logs: Vec<_> = (0..USERS).map(|user| read_log::<Blocking>(user, address)).collect();
    for device in &mut devices {
        device.compare(&logs[device.user]);
    }
    let messages: usize = devices.iter().map(|device| device.sent).sum();
    compare_logs(&logs, &devices);
    eprintln!("{messages} messages, {kills} kills in {:.0?}", began.elapsed());
    // An order of magnitude less than usual: a server that takes nothing would lose nothing.
    assert!(kills >= rounds.unwrap_or(2), "only {kills} kills");
    assert!(messages >= 50 * kills, "only {messages} messages in {kills} kills");
}

/// A device that has nothing but its session to be signed in again.
fn new_device(n: usize, address: SocketAddr) -> Device<Blocking> {
    let mut options = options(address, n);
    options.config.keep_credentials = false;
    let mut device = Device::new(n, options);
    device.pace = PACE;
    device
}

/// A backup that is being made.
struct Backup {
    file: PathBuf,
    child: Child,
}

fn skaro(args: &[&str], more: &[&Path]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skaro"));
    command.args(args).args(more).stdout(Stdio::null());
    command
}

impl Backup {
    fn start(place: &Path, n: usize) -> Self {
        let file = place.join(format!("backup-{n}"));
        let child = skaro(&["backup", "--data"], &[&place.join("data"), &file]).spawn().unwrap();
        Backup { file, child }
    }

    /// Checks it, and that a server's data can be made from it.
    fn check(mut self) {
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "the backup was made");
        let data = self.file.with_extension("restored");
        for mut command in [
            skaro(&["check"], &[&self.file]),
            skaro(&["restore", "--data"], &[&data, &self.file]),
            skaro(&["check", "--data"], &[&data]),
        ] {
            assert_eq!(command.status().unwrap().code(), Some(0), "{command:?}");
        }
        std::fs::remove_file(&self.file).unwrap();
        std::fs::remove_dir_all(&data).unwrap();
    }
}

/// The program, which is killed when this is dropped.
struct Server<'p> {
    place: &'p Path,
    address: SocketAddr,
    child: Child,
}

impl<'p> Server<'p> {
    fn start(place: &'p Path, address: SocketAddr) -> Self {
        let users = place.join("users");
        if !users.exists() {
            let lines = (0..USERS).map(login).fold(String::new(), |mut lines, login| {
                writeln!(lines, "{login}:{login}").unwrap();
                lines
            });
            std::fs::write(&users, lines).unwrap();
            #[cfg(unix)]
            std::fs::set_permissions(&users, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let mut command = Command::new(env!("CARGO_BIN_EXE_skaro"));
            command.args(["serve", "--listen", &address.to_string()]).arg("--user-file").arg(&users);
            command.arg("--data").arg(place.join("data")).stdout(Stdio::piped());
            command.stderr(File::create(place.join("complaints")).unwrap());
            let mut child = command.spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            let told = line.trim_start_matches("listening on ws://").trim_end_matches("/skaro_client/\n");
            if let Ok(address) = told.parse() {
                return Server { place, address, child };
            }
            // Somebody else may have got the port for a moment, as a client that tries to connect.
            let status = child.wait().unwrap().code();
            let complaints = std::fs::read_to_string(place.join("complaints")).unwrap();
            assert_eq!(status, Some(71), "{complaints}");
        }
        panic!("no server within {PATIENCE:?}");
    }

    /// Waits for a moment at which messages are stored that nobody was told of, but not long.
    fn await_write(&self) {
        let log = self.place.join("data/store-wal");
        let modified = || std::fs::metadata(&log).and_then(|data| data.modified()).ok();
        let (before, deadline) = (modified(), Instant::now() + Duration::from_millis(200));
        while modified() == before && Instant::now() < deadline {
            thread::yield_now();
        }
    }

    /// Kills it, and starts another one with its data and its address.
    fn replace(&mut self) {
        self.kill();
        *self = Server::start(self.place, self.address);
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Tells the devices to end, also if this test panics.
struct Over<'f>(&'f AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
