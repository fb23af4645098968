//! The memory of idle connections.

use stats_alloc::{Region, StatsAlloc};

use skaro_proto::Format;
use skaro_proto::client::{Client, ClientConfig};
use skaro_proto::message::Since;
use skaro_proto::server::{self, Server};

use crate::client::signed_in;
use crate::server::{NOW, sign_in};

pub const CONNECTIONS: [usize; 6] = [1, 10, 100, 1_000, 10_000, 100_000];

/// Prints the memory of this many connections in bytes: connected only, signed in, and signed in with a cursor. The memory of the users
/// themselves, which exist anyway, is left out.
pub fn print<A: std::alloc::GlobalAlloc>(allocator: &'static StatsAlloc<A>) {
    for count in CONNECTIONS {
        let connected = kept(allocator, count, |server, _| {
            let id = server.connect(NOW, Some(Format::Json)).unwrap();
            while server.poll_transmit(id).is_some() {}
            while server.poll_ready().is_some() {}
        });
        let signed_in = kept(allocator, count, |server, login| {
            sign_in(server, Format::Json, login, "correct horse", None);
        });
        let with_cursor = kept(allocator, count, |server, login| {
            sign_in(server, Format::Json, login, "correct horse", Some(Since::Head));
        });
        println!("{count}\t{connected}\t{signed_in}\t{with_cursor}");
    }
    let region = Region::new(allocator);
    let clients: Vec<Client> = (0..100).map(|_| signed_in(Format::Json, ClientConfig::default())).collect();
    println!("client\t{}", bytes(&region) / clients.len());
}

fn kept<A: std::alloc::GlobalAlloc>(
    allocator: &'static StatsAlloc<A>,
    count: usize,
    connect: impl Fn(&mut Server, &str),
) -> usize {
    let mut config = server::ServerConfig::default();
    (config.max_connections, config.max_strangers) = (count, None);
    let mut server = Server::new(config, [7; 32]);
    let logins: Vec<String> = (0..count).map(|n| format!("user{n}")).collect();
    for login in &logins {
        server.add_user(login, "correct horse").unwrap();
    }
    // A user's log exists as soon as something is said.
    for login in &logins {
        server.post(NOW, login, login, "hello").unwrap();
    }
    let region = Region::new(allocator);
    for login in &logins {
        connect(&mut server, login);
    }
    bytes(&region)
}

fn bytes<A: std::alloc::GlobalAlloc>(region: &Region<'_, A>) -> usize {
    let change = region.change();
    let kept = change.bytes_allocated as isize - change.bytes_deallocated as isize;
    usize::try_from(kept).unwrap()
}
