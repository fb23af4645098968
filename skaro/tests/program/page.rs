//! The page "Running a server": its commands do what they say.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::files::Files;
use crate::process::PROGRAM;

/// Returns an address at which nobody listens.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Returns all commands of the page, in order.
fn commands() -> String {
    let blocks = include_str!("../../SERVER.md").split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

#[test]
fn the_commands_of_the_page_work_in_order() {
    let files = Files::new();
    std::fs::create_dir(files.path("bin")).unwrap();
    std::fs::create_dir(files.path("here")).unwrap();
    symlink(Path::new(PROGRAM), files.path("bin/skaro")).unwrap();
    let script =
        commands().replace("127.0.0.1:8000", &free_address()).replace("127.0.0.1:9100", &free_address());
    assert!(script.lines().count() > 30);
    // Whatever fails ends it, and the server with it.
    let script = format!("set -eux\ntrap 'kill $! 2>/dev/null || true' EXIT\n{script}");
    let path = format!("{}:{}", files.path("bin"), std::env::var("PATH").unwrap());
    let mut shell = Command::new("timeout");
    shell.args(["60", "bash", "-c", &script]).current_dir(files.path("here")).env("PATH", path);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SKARO_")) {
        shell.env_remove(name);
    }
    let ended = shell.env_remove("STATE_DIRECTORY").output().unwrap();
    let log = std::fs::read_to_string(files.path("here/log")).unwrap_or_default();
    let [output, errors] =
        [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(ended.status.success(), "{output}\n{errors}\nlog:\n{log}");
    assert!(log.contains("were read again") && log.contains("shutting down"), "{log}");
    assert!(output.contains("skaro_connections 0") && output.contains("is whole"), "{output}");
}

/// The unit and the image name what there is.
#[test]
fn the_unit_and_the_image_start_what_there_is() {
    for text in [include_str!("../../skaro.service"), include_str!("../../Containerfile")] {
        assert!(
            text.contains("skaro serve --config /etc/skaro/skaro.toml") || text.contains("CMD [\"serve\"]")
        );
    }
    let unit = include_str!("../../skaro.service");
    for line in
        ["Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "WatchdogSec=30", "StateDirectory=skaro"]
    {
        assert!(unit.lines().any(|it| it == line), "{line}");
    }
}
