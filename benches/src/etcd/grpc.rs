//! gRPC over one HTTP/2 connection, as little of it as the load needs.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What is asked: messages, as they come.
#[derive(Debug)]
struct Asked(UnboundedReceiver<Bytes>);

impl Body for Asked {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|message| message.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A connection.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    sender: SendRequest<Asked>,
    authority: String,
}

/// What comes back, a message at a time.
#[derive(Debug)]
pub(super) struct Answers {
    body: Incoming,
    read: BytesMut,
    /// A stream lives as long as somebody may still ask.
    _asking: Option<UnboundedSender<Bytes>>,
}

/// Whether it is compressed, and its length: what stands before each message.
const HEAD: usize = 5;

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let handshake = handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Self { sender, authority: address.to_string() })
    }

    async fn ask(&mut self, path: &str, asked: UnboundedReceiver<Bytes>) -> io::Result<Incoming> {
        let request = hyper::Request::post(format!("http://{}{path}", self.authority))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Asked(asked))
            .map_err(io::Error::other)?;
        let answer = self.sender.send_request(request).await.map_err(io::Error::other)?;
        Ok(answer.into_body())
    }

    /// One message there, one back.
    pub(super) async fn call<A: Message + Default>(
        &mut self,
        path: &str,
        message: &impl Message,
    ) -> io::Result<A> {
        let (asking, asked) = unbounded_channel();
        asking.send(framed(message)).map_err(io::Error::other)?;
        drop(asking);
        let body = self.ask(path, asked).await?;
        Answers { body, read: BytesMut::new(), _asking: None }.next().await
    }

    /// These messages there, and as many back as there will be.
    pub(super) async fn stream(
        &mut self,
        path: &str,
        messages: &[impl Message],
    ) -> io::Result<Answers> {
        let (asking, asked) = unbounded_channel();
        for message in messages {
            asking.send(framed(message)).map_err(io::Error::other)?;
        }
        let body = self.ask(path, asked).await?;
        Ok(Answers { body, read: BytesMut::new(), _asking: Some(asking) })
    }
}

impl Answers {
    /// The next message.
    pub(super) async fn next<A: Message + Default>(&mut self) -> io::Result<A> {
        loop {
            if let Some(message) = self.take() {
                return A::decode(message).map_err(io::Error::other);
            }
            let frame = self.body.frame().await.ok_or_else(|| io::Error::other("it ended"))?;
            if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                self.read.extend_from_slice(&data);
            }
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        let mut head = self.read.get(1..HEAD)?;
        let length = head.get_u32() as usize;
        (self.read.len() >= HEAD + length).then(|| {
            self.read.advance(HEAD);
            self.read.split_to(length).freeze()
        })
    }
}

fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(HEAD + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).expect("a small message"));
    message.encode(&mut bytes).expect("room for it");
    bytes.freeze()
}
