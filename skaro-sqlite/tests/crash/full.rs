//! A file that may not grow, and a full disk.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::audit::audit;
use crate::child;

fn assert_success(mut command: Command) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
}

/// With a limit on the length of files, whose signal is ignored as a server does. The file itself is short at first: it is
/// SQLite's write-ahead log that reaches the limit, then both.
pub(crate) fn a_file_that_may_not_grow() -> Result<(), &'static str> {
    for kib in [5000, 7000] {
        // In memory, where there is such a place: what is durable is not asked here.
        let place = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
        let child = child::command("grow", place.path());
        let mut shell = Command::new("bash");
        shell
            .arg("-c")
            .arg(format!("trap '' XFSZ; ulimit -S -f {kib}; exec \"$0\""))
            .arg(child.get_program());
        shell.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
        assert_success(shell);
        audit(&place.path().join("store"));
    }
    Ok(())
}

/// With a file system in memory, where one may be mounted.
pub(crate) fn a_full_disk() -> Result<(), &'static str> {
    let place = TempDir::new().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=11m", "tmpfs"])
        .arg(place.path())
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        return Err("no file system can be mounted here");
    }
    let result = std::panic::catch_unwind(|| fill(place.path()));
    Command::new("umount").arg(place.path()).status().unwrap();
    result.unwrap();
    Ok(())
}

fn fill(place: &Path) {
    std::fs::write(place.join("ballast"), vec![0; 5 << 20]).unwrap();
    assert_success(child::command("fill", place));
    audit(&place.join("store"));
}
