//! The central promise: whatever happens, every command that was taken ends exactly once, and nothing is told before
//! its cause.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{Net, USERS};
use proptest::prelude::*;
use skaro_proto::client::{
    AddContact, ClientConfig, CommandError, Event, Failure, ProtocolError, RequestId, SignOut, Status,
};
use skaro_proto::message::Answer;
use skaro_proto::{Frame, server};

/// Something that happens to one of two clients, or to the world.
#[derive(Clone, Debug)]
enum Step {
    Authorize {
        client: usize,
        right: bool,
    },
    Restore {
        client: usize,
    },
    RegisterType {
        client: usize,
    },
    Contacts {
        client: usize,
    },
    History {
        client: usize,
    },
    Send {
        client: usize,
    },
    /// Or block: these are answered like any other, where the server has them.
    AddContact {
        client: usize,
        blocked: bool,
    },
    SignOut {
        client: usize,
    },
    Typing {
        client: usize,
    },
    Garbage {
        client: usize,
    },
    Cut {
        client: usize,
    },
    CutAfter {
        client: usize,
        bytes: usize,
    },
    Stall {
        client: usize,
        stalled: bool,
    },
    Pause {
        client: usize,
        paused: bool,
    },
    Reconnect {
        client: usize,
    },
    StopReconnecting {
        client: usize,
    },
    Close {
        client: usize,
    },
    Reachable(bool),
    RestartServer,
    Pass(Duration),
    Drive,
}

fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    let client = 0..2_usize;
    let common = prop_oneof![
        (client.clone(), prop::bool::weighted(0.8)).prop_map(|(client, right)| Authorize { client, right }),
        client.clone().prop_map(|client| Restore { client }),
        client.clone().prop_map(|client| RegisterType { client }),
        client.clone().prop_map(|client| Contacts { client }),
        client.clone().prop_map(|client| History { client }),
        client.clone().prop_map(|client| Send { client }),
        (client.clone(), any::<bool>()).prop_map(|(client, blocked)| AddContact { client, blocked }),
        client.clone().prop_map(|client| SignOut { client }),
        client.clone().prop_map(|client| Typing { client }),
    ];
    let faults = prop_oneof![
        client.clone().prop_map(|client| Garbage { client }),
        client.clone().prop_map(|client| Cut { client }),
        (client.clone(), 0..2000_usize).prop_map(|(client, bytes)| CutAfter { client, bytes }),
        (client.clone(), any::<bool>()).prop_map(|(client, stalled)| Stall { client, stalled }),
        (client.clone(), any::<bool>()).prop_map(|(client, paused)| Pause { client, paused }),
        client.clone().prop_map(|client| Reconnect { client }),
        client.clone().prop_map(|client| StopReconnecting { client }),
        any::<bool>().prop_map(Reachable),
        Just(RestartServer),
    ];
    let time = prop_oneof![
        (0..2000_u64).prop_map(Duration::from_millis),
        (0..400_u64).prop_map(Duration::from_secs)
    ];
    prop_oneof![
        8 => common,
        3 => faults,
        3 => time.prop_map(Pass),
        4 => Just(Drive),
        1 => client.prop_map(|client| Close { client }),
    ]
}

/// What must have been told before something else can be.
#[derive(Clone, Copy, Debug, Default)]
struct Causes {
    /// The server has spoken, and the connection has not ended since.
    connected: bool,
    /// Besides that, it has said that the user is signed in.
    signed_in: bool,
    /// A user was signed in, on this connection or an earlier one, and that this is over was not told.
    established: bool,
}

impl Causes {
    /// No event comes before its cause.
    fn check(&mut self, event: &Event<'_>) {
        let before = *self;
        let (connected, signed_in) = (before.connected, before.signed_in);
        let has_cause = match event {
            Event::Connected { .. } => !std::mem::replace(&mut self.connected, true),
            Event::Ended(ended) | Event::Late(ended) => match &ended.outcome {
                Ok(Answer::Authorized(_) | Answer::Restored(_)) => {
                    self.established = true;
                    connected && !std::mem::replace(&mut self.signed_in, true)
                }
                Ok(Answer::RegisterType(_)) | Err(Failure::Refused(_)) => connected,
                Ok(_) => signed_in,
                Err(_) => true,
            },
            Event::Contact(_) | Event::ChangedUserData(_) | Event::Typing(_) => signed_in,
            Event::Message(_) | Event::Sent(_) | Event::CaughtUp { .. } | Event::LogChanged { .. } => {
                signed_in
            }
            Event::Postponed(_) => signed_in,
            // What was sent while the connection stalled is lost, and the next entry shows it.
            Event::ProtocolError(ProtocolError::MissingEntries { .. }) => signed_in,
            Event::Info(_) | Event::Error(_) => connected,
            Event::Disconnected(_) => {
                *self = Causes { established: self.established, ..Causes::default() };
                true
            }
            Event::SignedOut { .. } => std::mem::replace(&mut self.established, false),
            Event::Reconnecting { .. } | Event::GaveUp => !connected,
            other => panic!("{other:?}"),
        };
        assert!(has_cause, "{event:?} after {before:?}");
    }
}

/// The ends seen so far of each command that was taken, and the causes for what may come.
#[derive(Default)]
struct Ledger(BTreeMap<(usize, RequestId), usize>, [Causes; 2]);

impl Ledger {
    fn taken(&mut self, client: usize, result: Result<RequestId, CommandError>) {
        if let Ok(id) = result {
            assert!(self.0.insert((client, id), 0).is_none(), "the number {id} came twice");
        }
    }

    fn collect(&mut self, net: &mut Net) {
        for (n, peer) in net.peers.iter_mut().enumerate() {
            for event in peer.happened() {
                self.1[n].check(&event);
                if let Event::Ended(ended) = event
                    && !ended.ticket.is_automatic()
                {
                    let ends =
                        self.0.get_mut(&(n, ended.ticket.id())).expect("an end of a command that was taken");
                    *ends += 1;
                    assert_eq!(*ends, 1, "{} ended twice", ended.ticket.id());
                }
            }
        }
    }

    fn open(&self, client: usize) -> usize {
        self.0.iter().filter(|((of, _), ends)| *of == client && **ends == 0).count()
    }
}

fn apply(net: &mut Net, ledger: &mut Ledger, step: Step) {
    let now = net.now;
    match step {
        Step::Authorize { client, right } => {
            let (login, password) = USERS[client];
            let password = if right { password } else { "wrong" };
            let result = net.peers[client].client.authorize(now, login, password);
            ledger.taken(client, result);
        }
        Step::Restore { client } => {
            let sid =
                net.peers[client].client.session_id().map_or("s-1".into(), |sid| sid.expose().to_owned());
            let result = net.peers[client].client.session_restore(now, &sid);
            ledger.taken(client, result);
        }
        Step::RegisterType { client } => {
            let result = net.peers[client].client.register_type(now);
            ledger.taken(client, result);
        }
        Step::Contacts { client } => {
            let result = net.peers[client].client.get_contacts(now);
            ledger.taken(client, result);
        }
        Step::History { client } => {
            let result = net.peers[client].client.get_history(now, USERS[1 - client].0);
            ledger.taken(client, result);
        }
        Step::Send { client } => {
            let result = net.peers[client].client.send_message(now, USERS[1 - client].0, "hello", Some(1));
            ledger.taken(client, result);
        }
        Step::AddContact { client, blocked } => {
            let contact = AddContact { blocked, ..AddContact::new(USERS[1 - client].0) };
            let result = net.peers[client].client.add_contact(now, contact);
            ledger.taken(client, result);
        }
        Step::SignOut { client } => {
            let result = net.peers[client].client.sign_out(now, SignOut::Own);
            ledger.taken(client, result);
        }
        Step::Typing { client } => _ = net.peers[client].client.typing(now, USERS[1 - client].0),
        Step::Garbage { client } => {
            let before = net.peers[client].client.clone();
            for frame in
                [Frame::Text("{"), Frame::Binary(&[0xff]), Frame::Text(r#"{"type":"request","id":0}"#)]
            {
                assert!(net.peers[client].client.handle_frame(now, frame).is_err());
            }
            assert!(net.peers[client].client == before, "an error left a trace");
        }
        Step::Cut { client } => net.cut(client),
        Step::CutAfter { client, bytes } => net.peers[client].bytes_left = Some(bytes),
        Step::Stall { client, stalled } => net.peers[client].stalled = stalled,
        Step::Pause { client, paused: true } => net.peers[client].client.handle_paused(now),
        Step::Pause { client, paused: false } => net.peers[client].client.handle_resumed(now),
        Step::Reconnect { client } => _ = net.peers[client].client.reconnect(now),
        Step::StopReconnecting { client } => net.peers[client].client.stop_reconnecting(now),
        Step::Close { client } => net.peers[client].client.close(now),
        Step::Reachable(reachable) => net.reachable = reachable,
        Step::RestartServer => net.restart_server(),
        Step::Pass(duration) => net.pass(duration),
        Step::Drive => net.drive(),
    }
}

fn check(net: &Net, ledger: &Ledger) {
    for (n, peer) in net.peers.iter().enumerate() {
        let automatic = usize::from(peer.client.status() == Status::SigningIn);
        let pending = peer.client.pending();
        let open = ledger.open(n);
        assert!(pending == open || pending == open + automatic, "{pending} pending, {open} open");
        let is_idle = matches!(peer.client.status(), Status::Offline | Status::Closed);
        assert!(!is_idle || peer.client.poll_timeout().is_none(), "{:?}", peer.client);
    }
}

proptest! {
    #[test]
    fn every_command_ends_exactly_once(
        steps in prop::collection::vec(step(), 0..120),
        keep_credentials: bool,
        offline_messages in 0..4_usize,
    ) {
        let mut config = ClientConfig::default();
        config.keep_credentials = keep_credentials;
        config.offline_messages = offline_messages;
        let mut net = Net::with(server::ServerConfig::default(), [config.clone(), config]);
        net.connect(0);
        net.connect(1);
        let mut ledger = Ledger::default();
        for step in steps {
            apply(&mut net, &mut ledger, step);
            // What the machines say next is that much later at least: deadlines never lie in the past for long.
            for n in 0..net.peers.len() {
                let client = &mut net.peers[n].client;
                client.handle_timeout(net.now);
                prop_assert!(client.poll_timeout().is_none_or(|next| next > net.now));
            }
            net.drive();
            ledger.collect(&mut net);
            check(&net, &ledger);
        }
        for n in [0, 1] {
            net.peers[n].client.close(net.now);
        }
        net.pass(Duration::from_secs(5));
        ledger.collect(&mut net);
        for ((client, id), ends) in &ledger.0 {
            prop_assert_eq!(*ends, 1, "command {} of client {}", id, client);
        }
        for peer in &net.peers {
            prop_assert_eq!(peer.client.status(), Status::Closed);
            prop_assert_eq!((peer.client.pending(), peer.client.poll_timeout()), (0, None));
        }
    }
}
