//! Places for short connections with one request each: those of operators and of clients that read the metrics.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;

/// Maximum number of connections that are served at the same time.
const PLACES: usize = 64;

/// Ends when its connection must make room for another one. A connection that drops it keeps its place.
pub(crate) type Leave = oneshot::Receiver<()>;

/// Serves connections. Never ends.
///
/// When all places are taken, the oldest connection that has not dropped its [`Leave`] must make room, so that idle
/// connections don't block others.
pub(crate) async fn serve<S>(accept: impl AsyncFn() -> io::Result<S>, converse: impl AsyncFn(S, Leave)) {
    let mut open = FuturesUnordered::new();
    let mut may_leave: VecDeque<oneshot::Sender<()>> = VecDeque::new();
    loop {
        if open.len() >= PLACES {
            may_leave.retain(|it| !it.is_closed());
            drop(may_leave.pop_front());
            open.next().await;
            continue;
        }
        let accepted = async {
            let accepted = accept().await.ok();
            if accepted.is_none() {
                // No file descriptors are left.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            accepted
        };
        tokio::select! {
            Some(()) = open.next() => may_leave.retain(|it| !it.is_closed()),
            Some(stream) = accepted => {
                let (stays, leave) = oneshot::channel();
                may_leave.push_back(stays);
                open.push(converse(stream, leave));
            }
            else => (),
        }
    }
}
