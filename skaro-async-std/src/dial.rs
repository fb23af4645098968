//! Making a connection.

use async_std::net::TcpStream;
use async_tungstenite::client_async_with_config;
use skaro_proto::client::{ConnectError, Endpoint, Options};
use skaro_proto::tungstenite::{config, request};

use crate::socket::Socket;

/// Connects once. Whoever calls this sees to the time.
pub(crate) async fn dial(options: &Options) -> Result<Socket, ConnectError> {
    let endpoint = Endpoint::parse(&options.url)?;
    if endpoint.is_secure {
        return Err(ConnectError::NoTls);
    }
    let request = request(options)?;
    let host = format!("{}:{}", endpoint.host, endpoint.port);
    let network =
        |error: std::io::Error| ConnectError::Network { host: host.clone(), reason: error.to_string() };
    // Tries each address of the host in turn.
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await.map_err(network)?;
    // Chat messages are small and wanted at once.
    stream.set_nodelay(true).map_err(network)?;
    let config = config(options.config.limits.frame);
    let (stream, _) = client_async_with_config(request, stream, Some(config)).await?;
    Ok(Socket::new(stream))
}
