//! The blocking chat keeps every promise of the other chat, and the two understand each other.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what went wrong by panicking; helpers outside of test functions are not recognized as tests"
)]

#[path = "../../skaro-async-std/tests/examples/cases.rs"]
mod cases;
#[path = "../../skaro-async-std/tests/examples/process.rs"]
mod process;

use std::path::PathBuf;

use process::Process;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// The chat that is tested.
const CHAT: &str = "chat-blocking";

#[test]
fn both_chats_understand_each_other() {
    let serve = ["--listen", "127.0.0.1:0", "--user", "alice:secret", "--user", "bob:secret"];
    for format in ["cbor", "json"] {
        let server = Process::start("serve", &[&serve[..], &["--format", format]].concat());
        they_talk(server, &[]);
    }
    let files = Files::new();
    let (certificate, key, authority) =
        (files.path("server.pem"), files.path("key.pem"), files.path("ca.pem"));
    let tls = ["--tls-cert", &certificate, "--tls-key", &key];
    let server = Process::start("serve", &[&serve[..], &tls].concat());
    they_talk(server, &["--ca", &authority]);
    // Without the certificate's authority there is no connection.
    let mut server = Process::start("serve", &[&serve[..], &tls].concat());
    let url = server.address();
    for chat in ["chat", "chat-blocking"] {
        let mut refused = Process::start(chat, &["--json", "--url", &url]);
        refused.complaint("certificate");
        assert_eq!(refused.end().1, Some(1));
    }
}

fn they_talk(mut server: Process, options: &[&str]) {
    let url = server.address();
    let sign_in = |chat, login| {
        let mut options = options.to_vec();
        options.extend(["--json", "--url", &url, "--login", login, "--password", "secret"]);
        let mut chat = Process::start(chat, &options);
        chat.event("authorized");
        chat
    };
    let (mut alice, mut bob) = (sign_in("chat", "alice"), sign_in("chat-blocking", "bob"));
    for n in 0..50 {
        alice.type_line(&format!("/msg bob ping {n}"));
        assert_eq!(bob.event("message")["message"]["body"], format!("ping {n}"));
        bob.type_line(&format!("/msg alice pong {n}"));
        assert_eq!(alice.event("message")["message"]["body"], format!("pong {n}"));
    }
    for mut chat in [alice, bob] {
        chat.end_of_input();
        assert_eq!(chat.end().1, Some(0));
    }
}

/// Certificates in files, until this is dropped.
struct Files(PathBuf);

impl Files {
    fn new() -> Files {
        let folder = std::env::temp_dir().join(format!("skaro-certificates-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let files = Files(folder);
        std::fs::write(files.path("ca.pem"), authority.pem()).unwrap();
        std::fs::write(files.path("server.pem"), certificate.pem()).unwrap();
        std::fs::write(files.path("key.pem"), key.serialize_pem()).unwrap();
        files
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}
