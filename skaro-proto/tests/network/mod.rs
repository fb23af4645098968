//! A simulated network: one server and many clients, through the machines' real frames in both formats, on a virtual
//! clock, in one thread, from one source of decisions.
//!
//! [`run`] is the way in. Whoever decides the same gets the same run, frame by frame.
//!
//! | module | what it has |
//! |---|---|
//! | `choices` | where decisions come from |
//! | `world` | the machines, the connections between them, the agenda, the clock |
//! | `adapters` | between machines and connections |
//! | `wire` | a connection, and how it breaks |
//! | `steps` | what happens: applications, faults, the operator |
//! | `peer` | an application, and the ledger of its commands |
//! | `intruders` | adversaries |
//! | `logs` | a network of its own: nothing is missed, nothing comes twice |
//! | `oracle` | what the server has to say, and when it may be silent |
//! | `report` | what was exercised |
//!
//! # What is checked
//!
//! * Each frame of the server is what was due on that connection, in its order; and when it falls silent, nothing is
//!   due any more. So each answer comes once, and each message once to each connection of both users.
//! * Each history is the list of the messages that were taken, once and in order, or the end of it; dates increase.
//! * Each command ends once, and as the server has it: what was accepted is kept, what was refused or not sent is not.
//! * Where nothing went wrong, nothing times out, and no connection is given up.
//! * Queues keep to their limits; whoever is silent for too long is dropped; who is signed in is online.
//! * When everybody has gone, the server is empty.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each user needs another part of it")]

mod adapters;
mod choices;
mod intruders;
pub mod logs;
mod oracle;
mod peer;
mod report;
mod steps;
mod wire;
mod world;

pub use choices::Choices;
pub use report::{Count, Failure, Plan, Report};

/// Runs a network until the plan is fulfilled or the choices are used up, and then lets everybody leave.
///
/// # Errors
/// If a promise is broken.
pub fn run(choices: Choices, plan: &Plan) -> Result<Report, Failure> {
    let mut network = world::Network::new(choices, plan);
    let mut step = 0;
    let mut go = |network: &mut world::Network| {
        while step < plan.steps && !network.choices.is_over() {
            network.step()?;
            step += 1;
        }
        network.finish()
    };
    let result = go(&mut network);
    network.report.add(Count::Uncertain, network.model.uncertain);
    match result {
        Ok(()) => Ok(network.report),
        Err(what) => Err(Failure { step, at: network.now, what, trace: network.report.trace }),
    }
}
