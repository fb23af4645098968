//! A relay between a client and a server, which can be cut.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Proxy {
    address: SocketAddr,
    cuts: watch::Sender<()>,
}

impl Proxy {
    /// Relays all connections to this address, until they are cut.
    pub(crate) fn start(to: SocketAddr) -> Proxy {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let address = listener.local_addr().unwrap();
        let (cuts, cut) = watch::channel(());
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut cut = cut.clone();
                cut.mark_unchanged();
                let mut far = TcpStream::connect(to).await.unwrap();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => (),
                        _ = cut.changed() => (),
                    }
                });
            }
        });
        Proxy { address, cuts }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/skaro_client/", self.address)
    }

    /// Cuts all connections that there are.
    pub(crate) fn cut(&self) {
        self.cuts.send(()).unwrap();
    }
}
