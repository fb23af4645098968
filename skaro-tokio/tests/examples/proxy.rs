//! A relay between a client and a server, which can be cut.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Proxy {
    address: SocketAddr,
    is_cut: watch::Sender<bool>,
}

impl Proxy {
    /// Relays all connections to this address, until they are cut.
    pub(crate) fn start(to: SocketAddr) -> Proxy {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let address = listener.local_addr().unwrap();
        let (is_cut, mut cuts) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                cuts.wait_for(|is_cut| !is_cut).await.unwrap();
                let mut cut = cuts.clone();
                let mut far = TcpStream::connect(to).await.unwrap();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => (),
                        _ = cut.changed() => (),
                    }
                });
            }
        });
        Proxy { address, is_cut }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/skaro_client/", self.address)
    }

    /// Cuts all connections, and relays nothing until it is mended.
    pub(crate) fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    pub(crate) fn mend(&self) {
        self.is_cut.send_replace(false);
    }
}
