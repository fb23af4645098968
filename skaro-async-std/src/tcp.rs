//! A connection from which not everything is read at once.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_std::net::TcpStream;
use futures_util::{AsyncRead, AsyncWrite};
use skaro_proto::tungstenite::READ_AT_ONCE;

#[derive(Debug)]
pub(crate) struct Tcp {
    socket: TcpStream,
    /// Bytes read since there was a break.
    read: usize,
}

impl From<TcpStream> for Tcp {
    fn from(socket: TcpStream) -> Self {
        Tcp { socket, read: 0 }
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.read >= READ_AT_ONCE {
            self.read = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match Pin::new(&mut self.socket).poll_read(cx, buffer) {
            Poll::Ready(Ok(read)) => {
                self.read += read;
                Poll::Ready(Ok(read))
            }
            other => {
                self.read = 0;
                other
            }
        }
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx)
    }
}
