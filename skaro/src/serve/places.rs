//! Places for short connections, of which each has one request: operators, and whoever reads the numbers.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;

/// Connections that are served at the same time.
const PLACES: usize = 64;

/// Ends when the connection that has it has to make room. Whoever drops it keeps the place.
pub(crate) type Leave = oneshot::Receiver<()>;

/// Serves connections. When all places are taken, the oldest connection that has not dropped its [`Leave`] makes room, so
/// that silent ones keep nobody out. Never ends.
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
