//! The server against a small model of what it should do: whatever is asked in whatever order, by users and by
//! strangers who try other people's logins, tokens and sessions, each answer and each push is what the model says.
//!
//! A failure prints the smallest list of steps that shows it, and a line `cc …` that goes into
//! `main.proptest-regressions`: with that line there, the next run begins with the same steps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]
#![allow(unreachable_pub, reason = "modules of one test")]

mod model;
mod steps;
mod world;

use proptest::prelude::*;
use world::World;

proptest! {
    #[test]
    fn the_server_does_what_its_model_says(steps in prop::collection::vec(steps::step(), 0..100)) {
        let mut world = World::new();
        for step in steps {
            world.take(&step);
        }
    }
}
