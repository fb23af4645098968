//! A TCP proxy on loopback that can cut and stall connections.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// A proxy between clients and a server.
pub struct Cable {
    /// The address for clients.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    target: SocketAddr,
    stalled: bool,
    open: Vec<TcpStream>,
    /// Set while new connections are accepted and dropped at once.
    refusing: bool,
    done: bool,
}

impl Cable {
    /// Starts a proxy to a server.
    pub fn new(target: SocketAddr) -> Cable {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { target, stalled: false, open: Vec::new(), refusing: false, done: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let mut state = accepting.state.lock().unwrap();
                if state.done {
                    return;
                }
                let (Ok(client), false) = (client, state.refusing) else { continue };
                let Ok(server) = TcpStream::connect(state.target) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    from.set_nodelay(true).unwrap();
                    let shared = accepting.clone();
                    thread::spawn(move || shared.copy(from, to));
                }
                state.open.extend([client, server]);
            }
        });
        Cable { address, shared }
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        for stream in self.shared.state.lock().unwrap().open.drain(..) {
            _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Holds back all data from now on.
    pub fn stall(&self) {
        self.shared.state.lock().unwrap().stalled = true;
    }

    /// Delivers the data that was held back.
    pub fn resume(&self) {
        self.shared.state.lock().unwrap().stalled = false;
        self.shared.changed.notify_all();
    }

    /// Starts or stops to drop new connections at once.
    pub fn refuse(&self, refusing: bool) {
        self.shared.state.lock().unwrap().refusing = refusing;
    }

    /// Connects new clients to another server.
    pub fn retarget(&self, target: SocketAddr) {
        self.shared.state.lock().unwrap().target = target;
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.resume();
        self.cut();
        self.shared.state.lock().unwrap().done = true;
        _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let state = self.state.lock().unwrap();
            drop(self.changed.wait_while(state, |state| state.stalled).unwrap());
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        _ = from.shutdown(Shutdown::Both);
        _ = to.shutdown(Shutdown::Both);
    }
}
