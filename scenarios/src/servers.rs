//! Async runtimes for tests, and the server over each of them.

use std::net::{SocketAddr, TcpListener};
use std::sync::LazyLock;

use skaro_adapter::asynchronous::{Runtime, Server};
use skaro_async_std::{AsyncStd, ServerOptions};
use skaro_blocking::proto::Time;
use skaro_blocking::proto::server as machine;
use skaro_tokio::Tokio;

/// An async runtime on which a test can wait for a future.
pub trait Host: Runtime + Sync + Send {
    /// Runs a future to its end.
    fn block_on<F: Future>(future: F) -> F::Output;
}

impl Host for AsyncStd {
    fn block_on<F: Future>(future: F) -> F::Output {
        async_std::task::block_on(future)
    }
}

impl Host for Tokio {
    fn block_on<F: Future>(future: F) -> F::Output {
        static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(2).enable_all().build().unwrap()
        });
        RUNTIME.block_on(future)
    }
}

/// A server over one of the runtimes.
pub trait Served: Send + Sync {
    /// Returns the address on which it listens.
    fn address(&self) -> SocketAddr;
    /// Calls the machine.
    fn call(&self, call: &mut dyn FnMut(&mut machine::Server, Time));
    /// Shuts the server down.
    fn shut_down(self: Box<Self>, info: &str);
}

impl<R: Host> Served for Server<R> {
    fn address(&self) -> SocketAddr {
        self.local_addr()
    }

    fn call(&self, call: &mut dyn FnMut(&mut machine::Server, Time)) {
        self.with(call);
    }

    fn shut_down(self: Box<Self>, info: &str) {
        R::block_on(Server::shut_down(*self, info));
    }
}

impl dyn Served + '_ {
    /// Calls the machine, and returns the result.
    pub fn with<T>(&self, call: impl FnOnce(&mut machine::Server, Time) -> T) -> T {
        let (mut call, mut result) = (Some(call), None);
        self.call(&mut |machine, now| result = call.take().map(|call| call(machine, now)));
        result.unwrap()
    }

    /// Returns the number of connections.
    pub fn connections(&self) -> usize {
        self.with(|machine, _| machine.connections())
    }
}

/// Serves a machine on a socket.
pub type Serve = fn(TcpListener, machine::Server, ServerOptions) -> Box<dyn Served>;

/// Serves a machine on a socket, over a runtime.
pub fn serve<R: Host>(
    listener: TcpListener,
    machine: machine::Server,
    options: ServerOptions,
) -> Box<dyn Served> {
    Box::new(R::block_on(async { Server::<R>::listen(listener, machine, options) }).unwrap())
}
