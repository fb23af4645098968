//! A relay between chats and their server, whose connections can be cut.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub(crate) struct Relay {
    pub(crate) url: String,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    /// Relays connections to the server at this URL.
    pub(crate) fn start(url: &str) -> Relay {
        let to = url.trim_start_matches("ws://").trim_end_matches("/skaro_client/").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/skaro_client/", listener.local_addr().unwrap());
        let streams = Arc::new(Mutex::new(Vec::new()));
        let all = streams.clone();
        thread::spawn(move || {
            for near in listener.incoming() {
                let (near, far) = (near.unwrap(), TcpStream::connect(&to).unwrap());
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    all.lock().unwrap().push(from.try_clone().unwrap());
                    thread::spawn(move || io::copy(&mut from, &mut to));
                }
            }
        });
        Relay { url, streams }
    }

    /// Ends all connections; new ones are relayed.
    pub(crate) fn cut(&self) {
        for stream in self.streams.lock().unwrap().drain(..) {
            _ = stream.shutdown(Shutdown::Both);
        }
    }
}
