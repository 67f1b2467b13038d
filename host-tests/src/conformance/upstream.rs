//! An upstream that does byte for byte what a scenario says, which no HTTP library would do.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use super::scenario::Step;

/// A listening upstream; dropping it stops it.
pub(super) struct ScriptedUpstream {
    address: SocketAddr,
    script: Arc<watch::Sender<&'static [Step]>>,
    asked: watch::Receiver<usize>,
    server: JoinHandle<()>,
}

impl ScriptedUpstream {
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let script = Arc::new(watch::Sender::new(&[] as &[Step]));
        let (count, asked) = watch::channel(0);
        let server = tokio::spawn(serve(listener, script.clone(), Arc::new(count)));
        Ok(Self { address, script, asked, server })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What every connection does from now on; those that hang are closed.
    pub(super) fn play(&self, steps: &'static [Step]) {
        self.script.send_replace(steps);
    }

    /// How many requests came so far; also to wait for the next.
    pub(super) fn asked(&self) -> watch::Receiver<usize> {
        self.asked.clone()
    }
}

impl Drop for ScriptedUpstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(
    listener: TcpListener,
    script: Arc<watch::Sender<&'static [Step]>>,
    count: Arc<watch::Sender<usize>>,
) {
    while let Ok((connection, _)) = listener.accept().await {
        let (script, count) = (script.subscribe(), count.clone());
        // A connection fails when Envoy is done with it first, which is nothing to complain about.
        tokio::spawn(async move { drop(answer(connection, script, count).await) });
    }
}

/// Answers one request and closes: every scenario finds a fresh connection.
async fn answer(
    mut connection: TcpStream,
    mut script: watch::Receiver<&'static [Step]>,
    count: Arc<watch::Sender<usize>>,
) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        if connection.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    count.send_modify(|count| *count += 1);
    let steps = *script.borrow_and_update();
    for step in steps {
        match *step {
            Step::Hang => drop(script.changed().await),
            Step::Echo => {
                let body = read_body(&mut connection, &mut request).await?;
                let head = wire(Step::Sized(200, body.len()));
                connection.write_all(format!("{head}{body}").as_bytes()).await?;
            }
            step => connection.write_all(wire(step).as_bytes()).await?,
        }
    }
    connection.shutdown().await?;
    // Closing with unread bytes would be a reset, which could overtake what was sent.
    while connection.read_buf(&mut request).await? > 0 {}
    Ok(())
}

/// Waits for the whole of a body that has a `content-length`.
async fn read_body(connection: &mut TcpStream, request: &mut Vec<u8>) -> io::Result<String> {
    loop {
        let text = String::from_utf8_lossy(request);
        let (head, body) = text.split_once("\r\n\r\n").expect("the headers came");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if length == Some(&body.len().to_string()) {
            return Ok(body.to_owned());
        }
        if connection.read_buf(request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn wire(step: Step) -> String {
    match step {
        Step::Sized(status, length) => {
            format!("HTTP/1.1 {status} S\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")
        }
        Step::Chunked(status) => format!(
            "HTTP/1.1 {status} S\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        ),
        Step::Bodiless(101) => {
            "HTTP/1.1 101 S\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n".into()
        }
        Step::Bodiless(status) => format!("HTTP/1.1 {status} S\r\nconnection: close\r\n\r\n"),
        Step::Bytes(bytes) => bytes.into(),
        Step::Chunk(chunk) => format!("{:x}\r\n{chunk}\r\n", chunk.len()),
        Step::LastChunk => "0\r\n\r\n".into(),
        Step::Trailer => "0\r\nx-trailer: 1\r\n\r\n".into(),
        Step::Close | Step::Hang | Step::Echo => String::new(),
    }
}
