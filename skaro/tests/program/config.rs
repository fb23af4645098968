//! Options from a file, the environment and the command line.

use crate::files::Files;
use crate::process::{ADAPTERS, Process, command};

/// Starts a server in a folder, with these variables.
fn serve(files: &Files, args: &[&str], variables: &[(&str, &str)]) -> Process {
    let mut command = command(&[&["serve"], args].concat());
    command.current_dir(files.folder()).envs(variables.iter().copied());
    Process::run(&mut command)
}

#[test]
fn the_command_line_outweighs_the_environment_and_that_the_file() {
    let files = Files::new();
    files.write("skaro.toml", "listen = '127.0.0.1:0'\ndata = 'from-file'\nmax-connections = 7\n");
    files.write("other.toml", "listen = '127.0.0.1:0'\ndata = 'from-other'\n");
    for (args, variables, place) in [
        (&[][..], &[][..], "/from-file/store"),
        (&[], &[("STATE_DIRECTORY", "state")], "/from-file/store"),
        (&["--config", "other.toml"], &[], "/from-other/store"),
        (&[], &[("SKARO_CONFIG", "other.toml")], "/from-other/store"),
        (&[], &[("SKARO_DATA", "from-variable")], "/from-variable/store"),
        (&["--data", "from-line"], &[("SKARO_DATA", "from-variable")], "/from-line/store"),
        // What is given outweighs also what it can't be used with.
        (&["--memory"], &[], "in memory"),
        (&[], &[("SKARO_MEMORY", "true")], "in memory"),
    ] {
        let mut server = serve(&files, args, variables);
        server.address();
        server.complaint(place);
    }
    // Whoever looks after the server finds its data.
    let mut list = command(&["user", "list"]);
    let ended = list.current_dir(files.folder()).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn limits_come_from_the_file() {
    let files = Files::new();
    files.write("skaro.toml", "listen = '127.0.0.1:0'\nmemory = true\nmax-connections-per-address = 1\n");
    let mut server = serve(&files, &[], &[]);
    let url = server.address();
    let _first = ADAPTERS[0].guest(&url);
    let second = ADAPTERS[0].chat(&["--url", &url, "--no-reconnect"]);
    assert_ne!(second.status(), Some(0));
}

#[test]
fn a_wrong_file_is_told_with_its_line() {
    let files = Files::new();
    let missing = files.path("missing");
    let mut server = serve(&files, &["--memory", "--listen", "127.0.0.1:0"], &[("SKARO_USERS", "hunter2")]);
    server.complaint("SKARO_USERS:1: ");
    assert_eq!(server.status(), Some(64));
    for (text, reason, status) in [
        ("\nlisten = '127.0.0.1'", "skaro.toml:2: listen: ", 78),
        ("\nlisten = '127.0.0.1'", "a port is missing", 78),
        ("# no\n\nmax-connections = 0", "skaro.toml:3: max-connections: ", 78),
        ("max-memory = 5.5", "skaro.toml:1: max-memory: ", 78),
        ("format = 'xml'", "cbor", 78),
        ("memory = 'yes'", "give true or false", 78),
        ("listen = [1]", "give a text in quotes, or a number", 78),
        ("listen = 1\nlisten = 2", "skaro.toml:2: ", 78),
        ("listen =", "skaro.toml:1: ", 78),
        ("lisen = ''", "skaro.toml:1: lisen: there is no such option", 78),
        ("max_connections = 5", "for files: max-connections", 78),
        ("user = 'alice:hunter2'", "there is no such option for files", 78),
        ("memory = true\ndata = 'x'", "it can't be used with", 78),
        ("tls-cert = 'x'", "give both tls-cert and tls-key", 78),
        (&format!("tls-cert = '{missing}'\ntls-key = '{missing}'"), "can't read", 66),
        (&format!("user-file = '{missing}'"), "missing: ", 66),
        ("listen = 'nowhere.invalid:80'", "can't listen on nowhere.invalid:80", 71),
    ] {
        files.write("skaro.toml", text);
        for args in [&["--check"][..], &[]] {
            let mut server = serve(&files, args, &[]);
            server.complaint(reason);
            assert!(!server.transcript().contains("hunter"), "{}", server.transcript());
            assert_eq!(server.status(), Some(status), "{text}");
        }
    }
    let mut server = serve(&files, &["--config", "missing.toml"], &[]);
    server.complaint("can't read missing.toml");
    assert_eq!(server.status(), Some(66));
    let files = Files::new();
    files.write("skaro.toml", include_str!("../../skaro.example.toml"));
    let mut server = serve(&files, &["--check"], &[]);
    server.output("the configuration is right");
    assert_eq!(server.status(), Some(0));
    assert!(!std::path::Path::new(&files.path("skaro-data")).exists(), "a check makes nothing");
}
