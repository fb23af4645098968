//! Examples as processes.

use std::env::{self, consts::EXE_SUFFIX};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{sleep, timeout};

use crate::someone::WAIT;

/// An example that runs, until this is dropped.
pub(crate) struct Example {
    child: Child,
    complaints: UnboundedReceiver<String>,
}

impl Example {
    pub(crate) fn bot(url: &str) -> Example {
        Example::start(command("bot").arg(url))
    }

    pub(crate) fn start(command: &mut Command) -> Example {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, complaints) = unbounded_channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Example { child, complaints }
    }

    /// Waits for the next line that it writes to standard error.
    pub(crate) async fn complaint(&mut self) -> String {
        let complaint = timeout(WAIT, self.complaints.recv()).await;
        complaint.expect("no complaint in time").expect("it ended without a complaint")
    }

    /// Waits for its end, and tells whether that was a good one.
    pub(crate) async fn succeeds(&mut self) -> bool {
        let end = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status.success();
                }
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(WAIT, end).await.expect("the example does not end")
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Cargo builds a package's examples before its tests, unless only some tests are asked for.
pub(crate) fn command(example: &str) -> Command {
    let tests = env::current_exe().unwrap();
    let path: PathBuf =
        tests.parent().unwrap().with_file_name("examples").join(example.to_owned() + EXE_SUFFIX);
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = BUILDING.lock();
    if !path.exists() {
        let built =
            Command::new(env!("CARGO")).args(["build", "-p", "skaro-tokio", "--example", example]).status();
        assert!(built.unwrap().success() && path.exists(), "{} can't be built", path.display());
    }
    Command::new(path)
}
