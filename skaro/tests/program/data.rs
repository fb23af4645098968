//! What a server keeps in its directory.

use skaro_proto::server::store::{AccountId, Operation, Store, StoreLimits};
use skaro_sqlite::SqliteStore;

use crate::files::Files;
use crate::process::{ADAPTERS, Process, command};

const USERS: [&str; 4] = ["--user", "alice:correct:horse", "--user", "bob:battery staple"];

fn serve(data: &str, more: &[&str]) -> Process {
    Process::start(&[&["serve", "--listen", "127.0.0.1:0", "--data", data], more].concat())
}

#[test]
fn users_and_messages_outlast_the_server() {
    let files = Files::new();
    let data = files.path("deep/data");
    let mut server = serve(&data, &USERS);
    let url = server.address();
    server.complaint("deep/data/store; 2 users");
    let mut alice = ADAPTERS[0].user(&url, "alice");
    alice.type_line("/msg bob hello");
    alice.event("message_sent");
    // Killed, not ended.
    drop(server);
    // Whoever is there keeps the password.
    let mut server = serve(&data, &["--user", "alice:another", "--user", "carol:c"]);
    let url = server.address();
    server.complaint("deep/data/store; 3 users");
    drop(ADAPTERS[0].user(&url, "alice"));
    let mut bob = ADAPTERS[0].user(&url, "bob");
    bob.type_line("/history alice");
    assert_eq!(bob.event("history")["history"][0]["body"], "hello");
}

#[test]
fn a_directory_has_one_server() {
    let files = Files::new();
    let data = files.path("data");
    let mut first = serve(&data, &USERS);
    first.address();
    let mut second = serve(&data, &USERS);
    second.complaint("in use by another server: stop that one first");
    assert_eq!(second.status(), Some(75));
}

#[test]
fn a_place_that_is_no_store_is_left_alone() {
    let files = Files::new();
    files.write("store", &"notes, and not of this program. ".repeat(100));
    let mut server = serve(files.folder(), &USERS);
    server.complaint("is not a store of this server: choose another place");
    assert_eq!(server.status(), Some(78));
    let mut server = serve(&files.path("store"), &USERS);
    server.complaint("give another directory with --data");
    assert_eq!(server.status(), Some(71));
    let mut both = serve(files.folder(), &["--memory"]);
    both.complaint("cannot be used with");
    assert_eq!(both.status(), Some(64));
}

#[test]
fn the_environment_gives_a_directory() {
    let files = Files::new();
    let mut serve = command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut server = Process::run(serve.env("STATE_DIRECTORY", files.path("state")));
    server.address();
    server.complaint("state/store; 0 users");
    server.complaint("nobody can sign in");
    drop(server);
    let mut serve = command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut server = Process::run(serve.current_dir(files.folder()));
    server.address();
    server.complaint("skaro-data/store; 0 users");
    #[cfg(unix)]
    for name in ["state", "skaro-data"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(files.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_directory_that_others_can_write_to_is_told() {
    let files = Files::new();
    files.mode("", 0o777);
    let mut server = serve(files.folder(), &USERS);
    server.address();
    server.complaint("others can replace the data: chmod o-w");
}

#[test]
fn messages_are_given_up_at_an_age() {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let files = Files::new();
    let mut server = serve(files.folder(), &USERS);
    server.address();
    server.signal("TERM");
    assert_eq!(server.status(), Some(0));
    let now = jiff::Timestamp::now().as_millisecond();
    let mut store = SqliteStore::open(files.path("store"), StoreLimits::default(), now).unwrap();
    for (age, body) in [(3, "three days ago"), (1, "yesterday")] {
        let (from, to, body) = (AccountId(0), "bob".into(), body.into());
        store
            .execute(Operation::Append {
                from,
                sender: "alice".into(),
                to,
                body,
                key: None,
                contacts_only: false,
                now: now - age * DAY,
            })
            .unwrap();
    }
    drop(store);
    let mut server = serve(files.folder(), &["--keep-days", "2"]);
    let url = server.address();
    // Signing in is stored behind the first step of retention.
    let mut bob = ADAPTERS[0].user(&url, "bob");
    bob.type_line("/history alice");
    let history = bob.event("history");
    let bodies: Vec<_> = history["history"].as_array().unwrap().iter().map(|it| &it["body"]).collect();
    assert_eq!(bodies, ["yesterday"]);
    let mut nothing = serve(files.folder(), &["--keep-days", "0"]);
    nothing.complaint("invalid value '0'");
    assert_eq!(nothing.status(), Some(64));
}

/// A limit on the length of files, as of a disk that is full.
#[cfg(target_os = "linux")]
#[test]
fn without_room_people_sign_in_and_read_and_messages_are_refused_until_there_is_some() {
    use crate::process::{PROGRAM, password};

    let files = Files::new();
    let mut server = serve(files.folder(), &USERS);
    let url = server.address();
    let mut alice = ADAPTERS[0].user(&url, "alice");
    alice.type_line("/msg bob before");
    alice.event("message_sent");
    let mut bob = ADAPTERS[0].chat(&["--url", &url, "--login", "bob", "--password", password("bob")]);
    let session = bob.event("authorized")["session_id"].clone();
    server.signal("TERM");
    assert_eq!(server.status(), Some(0));

    let mut limited = std::process::Command::new("prlimit");
    limited.args(["--fsize=1048576:unlimited", PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data"]);
    let mut server = Process::run(limited.arg(files.folder()));
    let url = server.address();
    let mut bob = ADAPTERS[0].guest(&url);
    bob.type_line(&format!("/restore {}", session.as_str().unwrap()));
    bob.event("restored");
    bob.type_line("/history alice");
    assert_eq!(bob.event("history")["history"][0]["body"], "before");
    let mut alice = ADAPTERS[0].user(&url, "alice");
    alice.type_line("/msg bob refused");
    let refused = alice.event_of(&["info", "message_sent"]);
    assert_eq!(
        (&refused["event"], &refused["request"]),
        (&"info".into(), &"send_message".into()),
        "{refused}"
    );
    assert!(refused["info"].as_str().unwrap().contains("no room left"), "{refused}");
    server.limit("--fsize=unlimited");
    alice.type_line("/msg bob after");
    alice.event("message_sent");
    assert_eq!(bob.event("message")["message"]["body"], "after");
    server.signal("TERM");
    assert_eq!(server.status(), Some(0));
}

/// Nothing is served from data that can't be relied on.
#[cfg(unix)]
#[test]
fn a_store_that_fails_ends_the_server() {
    let files = Files::new();
    let mut server = serve(files.folder(), &USERS);
    server.address();
    server.signal("TERM");
    assert_eq!(server.status(), Some(0));
    let mut server = serve(files.folder(), &[]);
    let url = server.address();
    let store = files.path("store");
    let mut damaged = std::fs::read(&store).unwrap();
    damaged[4096..].fill(0xff);
    std::fs::write(&store, damaged).unwrap();
    let _alice = ADAPTERS[0].chat(&["--url", &url, "--login", "alice", "--password", "correct:horse"]);
    server.complaint("the store failed");
    assert_eq!(server.status(), Some(74));
}
