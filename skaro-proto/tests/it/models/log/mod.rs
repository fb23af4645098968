//! Logs and cursors beside a model that keeps everything and knows what is gone.

mod model;
mod steps;
mod world;

use proptest::prelude::*;

use steps::steps;
use world::World;

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// No holes, no doubles, both logs agree, windows hold, and paging finds all that is kept, once.
    #[test]
    fn every_cursor_sees_its_log(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.step(&step);
        }
        world.finish();
    }
}
