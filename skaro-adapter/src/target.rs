//! A server, checked and ready for any number of attempts to connect.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use skaro_proto::client::Client;

use crate::dial::Dialer;
use crate::driver::Driver;
use crate::error::ConnectError;
use crate::mailbox::Waiter;
use crate::opening::Opening;
use crate::options::Options;
use crate::random_seed;
use crate::url::{Authority, Url};

/// The [`Options`] of a client with the parsed URL, and with the trust roots, which are loaded only once.
///
/// Each attempt to connect dials [`host`](Self::host) and [`port`](Self::port), with [`dialer`](Self::dialer), and then
/// does the handshakes of [`opening`](Self::opening), all of it within [`timeout`](Self::timeout).
#[derive(Debug)]
pub struct Target {
    options: Options,
    url: Url,
}

impl Target {
    /// Checks the options.
    ///
    /// # Errors
    /// If no connection is possible with them: the URL is invalid, a header can't be sent, there are no trust roots, or
    /// this build has no TLS.
    pub fn new(options: Options) -> Result<Target, ConnectError> {
        let url = Url::parse(&options.url)?;
        #[cfg(not(feature = "tls"))]
        if url.is_secure() {
            return Err(ConnectError::NoTls);
        }
        #[cfg(feature = "tls")]
        let options = match options.tls {
            None if url.is_secure() => Options { tls: Some(crate::tls::default_config()?), ..options },
            _ => options,
        };
        let target = Target { options, url };
        target.opening()?;
        Ok(target)
    }

    /// Returns the host to resolve and dial: the proxy's, if there is one, otherwise that of the URL.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.dials().host
    }

    /// Returns the port to dial: the proxy's, if there is one, otherwise that of the URL.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.dials().port
    }

    /// Returns the time-out of one attempt: as configured, but at most a day, since systems can't represent much later
    /// deadlines.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.options.config.dial_timeout.min(Duration::from_secs(24 * 3600))
    }

    /// Creates a client without a connection.
    ///
    /// # Errors
    /// [`ConnectError::NoRandomness`] if the system provides no random numbers, which the keys of messages need.
    pub fn driver<W: Waiter>(&self) -> Result<Driver<W>, ConnectError> {
        let seed = random_seed().map_err(|error| ConnectError::NoRandomness(error.to_string()))?;
        Ok(Driver::new(Client::new(self.options.config.clone(), seed), self.options.event_capacity))
    }

    /// Creates a dialer from what the resolver returned for the host.
    ///
    /// # Errors
    /// [`ConnectError::Resolve`] if the resolver failed.
    pub fn dialer(
        &self,
        resolved: io::Result<impl IntoIterator<Item = SocketAddr>>,
    ) -> Result<Dialer, ConnectError> {
        let addresses = resolved.map_err(|error| ConnectError::resolve(self.host(), error))?;
        Ok(Dialer::new(self.dials().to_string(), addresses))
    }

    /// Returns whether a connection to this address is confidential, so that nobody can listen to it.
    ///
    /// It is if it uses TLS, if the address is this machine's and not a proxy's, or if the application
    /// [vouches](Options::confidential) for it. Then call [`Driver::handle_confidential`]. The address is `None` for a
    /// stream that the application opened.
    #[must_use]
    pub fn is_confidential(&self, dialed: Option<SocketAddr>) -> bool {
        let is_loopback = dialed.is_some_and(|address| address.ip().to_canonical().is_loopback());
        self.url.is_secure() || self.options.confidential || is_loopback && self.options.proxy.is_none()
    }

    /// Starts the handshakes of a new connection.
    ///
    /// # Errors
    /// If the proxy can't be asked for this host.
    pub fn opening(&self) -> Result<Opening, ConnectError> {
        Opening::new(&self.url, &self.options)
    }

    /// Creates the error of a connection that could not be made.
    #[must_use]
    pub fn failed(&self, error: io::Error) -> ConnectError {
        ConnectError::network(self.dials().to_string(), error)
    }

    fn dials(&self) -> &Authority {
        self.options.proxy.as_ref().map_or(&self.url.authority, |proxy| &proxy.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::Proxy;

    fn target(url: &str, change: impl FnOnce(&mut Options)) -> Result<Target, ConnectError> {
        let mut options = Options::from(url);
        change(&mut options);
        Target::new(options)
    }

    #[test]
    fn a_proxy_is_dialed_in_place_of_the_server_and_named_in_errors() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        for (proxy, host, port, named) in
            [(None, "::2", 80, "[::2]:80"), (Some("socks5://[::1]"), "::1", 1080, "[::1]:1080")]
        {
            let change = |options: &mut Options| {
                options.proxy = proxy.map(|proxy| Proxy::parse(proxy).unwrap());
            };
            let target = target("ws://[::2]", change).unwrap();
            assert_eq!((target.host(), target.port()), (host, port));
            let expected = format!("can't connect to {named}: {}", refused());
            assert_eq!(target.failed(refused()).to_string(), expected);
            let error = target.dialer(Err::<Vec<_>, _>(refused())).unwrap_err();
            assert!(error.to_string().contains(host), "{error}");
        }
    }

    #[test]
    fn only_what_nobody_can_listen_to_is_confidential() {
        let proxied = |options: &mut Options| options.proxy = Some(Proxy::parse("http://[::1]").unwrap());
        let vouched = |options: &mut Options| options.confidential = true;
        let plain = target("ws://h", |_| ()).unwrap();
        for (address, expected) in [
            ("127.0.0.1:80", true),
            ("127.8.0.1:80", true),
            ("[::1]:80", true),
            ("[::ffff:127.0.0.1]:80", true),
            ("192.0.2.1:80", false),
            ("[2001:db8::1]:80", false),
            ("[::ffff:192.0.2.1]:80", false),
        ] {
            let address = Some(address.parse().unwrap());
            assert_eq!(plain.is_confidential(address), expected, "{address:?}");
            // What a proxy does with it is not known.
            assert!(!target("ws://h", proxied).unwrap().is_confidential(address));
            assert!(target("ws://h", vouched).unwrap().is_confidential(address));
            #[cfg(feature = "tls")]
            assert!(target("wss://h", proxied).unwrap().is_confidential(address));
        }
        assert!(!plain.is_confidential(None));
        assert!(target("ws://h", vouched).unwrap().is_confidential(None));
    }

    #[test]
    fn options_with_which_no_connection_is_possible_are_refused_at_once() {
        let header = |options: &mut Options| options.headers.push(("a b".into(), String::new()));
        assert!(matches!(target("ws://h", header), Err(ConnectError::Header(_))));
        assert!(matches!(target("h", |_| ()), Err(ConnectError::Url(_))));
        #[cfg(not(feature = "tls"))]
        assert!(matches!(target("wss://h", |_| ()), Err(ConnectError::NoTls)));
    }

    #[test]
    fn connecting_takes_as_long_as_it_may_and_a_day_at_most() {
        for (wanted, may) in [(20, 20), (86_400, 86_400), (86_401, 86_400), (u64::MAX, 86_400)] {
            let change = |options: &mut Options| options.config.dial_timeout = Duration::from_secs(wanted);
            assert_eq!(target("ws://h", change).unwrap().timeout(), Duration::from_secs(may));
        }
    }
}
