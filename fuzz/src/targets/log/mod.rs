//! Logs and cursors: a client whose server tells of any log, a server whose clients ask and acknowledge anything, or both
//! together in a small simulated network, in which nothing is missed and nothing comes twice.

mod client;
mod server;

use super::Choices;
use super::network::simulation;

pub fn run(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    match first % 3 {
        0 => client::run(&mut Choices::new(rest)),
        1 => server::run(&mut Choices::new(rest)),
        _ => network(usize::from(first / 3), rest),
    }
}

fn network(devices: usize, bytes: &[u8]) {
    let result = simulation::logs::run(simulation::Choices::from_bytes(bytes), 1 + devices % 4, 400);
    if let Err(what) = result {
        panic!("{what}");
    }
}
