//! Both chats understand each other, over each format and over TLS; and the help's certificate is one that works.

use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::files::Files;
use crate::process::{ADAPTERS, Process, command};

const SERVE: [&str; 8] =
    ["serve", "--memory", "--listen", "127.0.0.1:0", "--user", "alice:secret", "--user", "bob:secret"];

#[test]
fn both_chats_understand_each_other() {
    for format in ["cbor", "json"] {
        they_talk(Process::start(&[&SERVE[..], &["--format", format]].concat()), &[]);
    }
    let files = certificates();
    let (certificate, key, authority) =
        (files.path("server.pem"), files.path("key.pem"), files.path("ca.pem"));
    let tls = ["--tls-cert", &certificate, "--tls-key", &key];
    they_talk(Process::start(&[&SERVE[..], &tls].concat()), &["--ca", &authority]);
    // Without the certificate's authority there is no connection, and without TLS neither.
    let mut server = Process::start(&[&SERVE[..], &tls].concat());
    let url = server.address();
    for adapter in ADAPTERS {
        let mut refused = adapter.chat(&["--url", &url]);
        refused.complaint("certificate");
        assert_eq!(refused.end().1, Some(76));
        let mut plain = adapter.chat(&["--url", &url.replace("wss:", "ws:")]);
        plain.complaint("use a wss:// URL");
        assert_eq!(plain.end().1, Some(76));
    }
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_told() {
    let files = certificates();
    files.mode("key.pem", 0o644);
    let (certificate, key) = (files.path("server.pem"), files.path("key.pem"));
    let mut server = Process::start(&[&SERVE[..], &["--tls-cert", &certificate, "--tls-key", &key]].concat());
    server.address();
    server.complaint("others can read or change the key: chmod o= ");
}

#[test]
fn certificates_that_no_client_accepts_are_refused_at_the_start() {
    let files = certificates();
    let path = |name| files.path(name);
    let (server, key, authority, authority_key) =
        (path("server.pem"), path("key.pem"), path("ca.pem"), path("ca-key.pem"));
    for (certificate, key, reason) in [
        (&server, &authority_key, "do not belong together"),
        (&authority, &authority_key, "is an authority's certificate"),
    ] {
        let mut serve =
            Process::start(&[&SERVE[..], &["--tls-cert", certificate, "--tls-key", key]].concat());
        serve.complaint(reason);
        assert_eq!(serve.status(), Some(78), "{reason}");
    }
    for (certificate, key, reason) in [(&key, &key, "key.pem"), (&server, &server, "server.pem")] {
        let mut serve =
            Process::start(&[&SERVE[..], &["--tls-cert", certificate, "--tls-key", key]].concat());
        serve.complaint(reason);
        assert_eq!(serve.status(), Some(66), "{reason}");
    }
}

/// Case 30: what people do first makes a certificate that rustls does not take.
#[cfg(unix)]
#[test]
fn the_certificate_of_the_help_works() {
    let help = command(&["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let from = help.find("openssl req").unwrap();
    let recipe = help[from..].split("\n\n").next().unwrap();
    let readme = include_str!("../../README.md");
    assert!(recipe.lines().all(|line| readme.contains(line.trim())), "the README has another recipe");
    let files = Files::new();
    let made = Command::new("sh").args(["-c", recipe]).current_dir(files.folder()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (certificate, key) = (files.path("cert.pem"), files.path("key.pem"));
    let tls = ["--tls-cert", &certificate, "--tls-key", &key];
    they_talk(Process::start(&[&SERVE[..], &tls].concat()), &["--ca", &certificate]);
}

fn they_talk(mut server: Process, options: &[&str]) {
    let url = server.address();
    let mut chats = [("alice", ADAPTERS[0]), ("bob", ADAPTERS[1])].map(|(login, adapter)| {
        let mut options = options.to_vec();
        options.extend(["--url", &url, "--login", login, "--password", "secret"]);
        let mut chat = adapter.chat(&options);
        chat.event("authorized");
        chat
    });
    let [alice, bob] = &mut chats;
    for n in 0..50 {
        alice.type_line(&format!("/msg bob ping {n}"));
        assert_eq!(bob.event("message")["message"]["body"], format!("ping {n}"));
        bob.type_line(&format!("/msg alice pong {n}"));
        assert_eq!(alice.event("message")["message"]["body"], format!("pong {n}"));
    }
    for mut chat in chats {
        chat.end_of_input();
        assert_eq!(chat.end().1, Some(0));
    }
}

fn certificates() -> Files {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let files = Files::new();
    files.write("ca.pem", &authority.pem());
    files.write("ca-key.pem", &authority.key().serialize_pem());
    files.write("server.pem", &certificate.pem());
    files.write("key.pem", &key.serialize_pem());
    files
}
