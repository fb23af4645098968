//! Users who come by themselves: registration, invitations, what is confidential.

use serde_json::Value;
use skaro_blocking::{Client, Options, RequestError};

use crate::files::Files;
use crate::process::{Process, command};

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

/// What `skaro invitation --json` writes, and what it complains of.
fn invitation(data: &str) -> (String, String) {
    let ended = command(&["invitation", "--json", "--data", data]).output().unwrap();
    let complaints = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{complaints}");
    let made: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert!(made["until"].as_i64().unwrap() > 1_700_000_000_000, "{made}");
    (made["invitation"].as_str().unwrap().into(), complaints)
}

fn register(url: &str, login: &str, invitation: Option<&str>) -> Result<(), RequestError> {
    let (client, _events) = Client::connect(url).unwrap();
    client.register(login, "hunter2", invitation)?;
    client.authorize(login, "hunter2").map(drop)
}

fn is_refused(result: Result<(), RequestError>, reason: &str) -> bool {
    result.unwrap_err().to_string().contains(reason)
}

#[test]
fn an_invitation_is_good_for_one_account_whether_or_not_the_server_ran() {
    let files = Files::new();
    let data = files.path("data");
    let options = ["--data", &data, "--registration", "invitation"];
    let mut server = Process::start(&[&SERVE[..], &options].concat());
    server.address();
    let (first, _) = invitation(&data);
    let line = server.complaint("invitation made by an operator");
    assert!(!line.contains(&first), "{line}");
    server.signal("TERM");
    assert_eq!(server.status(), Some(0));
    let (second, _) = invitation(&data);
    let mut server = Process::start(&[&SERVE[..], &options, &["--log-format", "json"]].concat());
    let url = server.address();
    assert!(is_refused(register(&url, "alice", None), "by invitation"));
    register(&url, "alice", Some(&first)).unwrap();
    let line: Value = serde_json::from_str(&server.complaint("\"registered\"")).unwrap();
    assert_eq!((&line["login"], &line["address"]), (&"alice".into(), &"127.0.0.1".into()));
    assert!(is_refused(register(&url, "bob", Some(&first)), "not good"));
    register(&url, "bob", Some(&second)).unwrap();
}

#[test]
fn an_invitation_to_a_server_that_takes_none_is_warned_of() {
    let files = Files::new();
    let data = files.path("data");
    let mut server = Process::start(&[&SERVE[..], &["--data", &data]].concat());
    let url = server.address();
    let (made, complaints) = invitation(&data);
    assert!(complaints.contains("nobody registers by invitation here"), "{complaints}");
    assert!(is_refused(register(&url, "alice", Some(&made)), "closed"));
}

/// What a proxy in front tells counts, not that it connects from this machine.
#[test]
fn passwords_travel_through_a_proxy_only_if_it_ends_tls() {
    let options = ["--memory", "--registration", "open", "--trust-proxy", "x-forwarded-for"];
    for is_told in [false, true] {
        let more: &[&str] = if is_told { &["--proxy-ends-tls"] } else { &[] };
        let mut server = Process::start(&[&SERVE[..], &options, more].concat());
        let mut through = Options::new(server.address());
        through.confidential = true;
        through.headers.push(("X-Forwarded-For".into(), "203.0.113.5".into()));
        let (client, _events) = Client::connect(through).unwrap();
        let registered = client.register("alice", "hunter2", None);
        assert_eq!(registered.is_ok(), is_told, "{registered:?}");
    }
    let mut server = Process::start(&[&SERVE[..], &["--memory", "--proxy-ends-tls"]].concat());
    server.complaint("proxy-ends-tls needs trust-proxy");
    assert_eq!(server.status(), Some(78));
}
