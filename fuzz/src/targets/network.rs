//! A small simulated network that is controlled by the bytes: the promises of the simulation hold.

#[path = "../../../skaro-proto/tests/network/mod.rs"]
pub(super) mod simulation;

use simulation::{Choices, Plan};

pub fn run(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let plan = Plan { clients: 1 + usize::from(first % 4), steps: 300, trace: false };
    if let Err(failure) = simulation::run(Choices::from_bytes(rest), &plan) {
        panic!("{failure}");
    }
}
