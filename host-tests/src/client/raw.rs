//! A connection that says what no HTTP library would: half a request, or none.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A plain TCP connection; dropping it closes it.
#[derive(Debug)]
pub struct RawConnection(TcpStream);

impl RawConnection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Starts a chat whose body never comes whole: `sent` bytes of a promised `length`.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn start_upload(&mut self, length: usize, sent: usize) -> io::Result<()> {
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: unfinished\r\ncontent-length: {length}\r\n\r\n"
        );
        self.write(head.as_bytes()).await?;
        self.write(&vec![b' '; sent]).await
    }

    /// Sends these bytes.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await
    }

    /// Reads until the other side closes or resets, and returns what came.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end like another; what came before it is kept.
        let _ = self.0.read_to_end(&mut bytes).await;
        bytes
    }
}
