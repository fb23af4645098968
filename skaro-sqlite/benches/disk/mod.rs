//! The disk's own figures, for comparison.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Prints how often a second the disk synchronizes, and returns it for 4 KiB that are written over others, as most of SQLite's
/// write-ahead log is.
pub(crate) fn tell_syncs(place: &Path) -> f64 {
    let [over, _] = [("write over 4 KiB and synchronize", false), ("the same in a file that grows", true)]
        .map(|(what, is_growing)| {
            let syncs = syncs(place, is_growing);
            println!("{:<50} {syncs:>9.0} /s", format!("the disk: {what}"));
            syncs
        });
    over
}

fn syncs(place: &Path, is_growing: bool) -> f64 {
    let mut file = File::create(place.join("sync")).unwrap();
    file.write_all(&[0; 1 << 22]).unwrap();
    file.sync_all().unwrap();
    if !is_growing {
        file.rewind().unwrap();
    }
    let (begin, mut count) = (Instant::now(), 0);
    while begin.elapsed() < Duration::from_secs(1) {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        count += 1;
        if !is_growing && count % 1024 == 0 {
            file.rewind().unwrap();
        }
    }
    f64::from(count) / begin.elapsed().as_secs_f64()
}
