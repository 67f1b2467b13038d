//! The kinds of hostile requests.

use std::net::SocketAddr;

use fastrand::Rng;
use hyper::Method;
use llm_breaker_host_tests::client::{Call, Client};
use llm_breaker_host_tests::patience::patiently;

use super::{http2, raw};
use crate::hostile::stage::TO_ODD_UPSTREAM;

const HUGE_BODY_BYTES: usize = 50_000_000;

/// Each kind is named here, and nowhere else.
macro_rules! kinds {
    ($($kind:ident,)+) => {
        /// What is hostile about a request, or the answer to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Kind { $($kind,)+ }

        use Kind::{$($kind,)+};

        const ALL: &[Kind] = &[$($kind,)+];
    };
}

kinds! {
    BytesInHeaders,
    BytesInPath,
    Duplicates,
    HugeHeaders,
    ManyHeaders,
    EmptyBody,
    HugeBody,
    OddFraming,
    Leaves,
    SlowLoris,
    ResetBurst,
    OddFrame,
    Trailers,
    Connect,
    Upgrade,
    Expectation,
    OddMethod,
    OddJson,
    OddAnswer,
}

impl Kind {
    /// Any of them; few bodies are huge.
    pub(crate) fn random(rng: &mut Rng) -> Self {
        match ALL[rng.usize(..ALL.len())] {
            HugeBody if rng.u8(..25) != 0 => Leaves,
            kind => kind,
        }
    }

    /// How many requests it makes.
    pub(crate) const fn requests(self) -> usize {
        if matches!(self, ResetBurst) { http2::BURST as usize } else { 1 }
    }

    /// Does it, and tells with which status it was answered.
    pub(crate) async fn attack(self, to: SocketAddr, mut rng: Rng) -> (Self, Option<u16>) {
        let what = format!("the end of {self:?}");
        (self, patiently(&what, self.send(to, &mut rng)).await)
    }

    async fn send(self, to: SocketAddr, rng: &mut Rng) -> Option<u16> {
        match self {
            HugeBody => raw::upload(to, HUGE_BODY_BYTES).await,
            OddFraming => raw::nonsense(to, &raw::odd_framing(rng)).await,
            Leaves => raw::leave(to, rng).await,
            SlowLoris => raw::drip(to, rng).await,
            Upgrade => raw::nonsense(to, &upgrade()).await,
            Connect => raw::nonsense(to, b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\nabc").await,
            ResetBurst => {
                http2::reset_burst(to, rng).await;
                None
            }
            OddFrame => {
                http2::odd_frame(to, rng).await;
                None
            }
            OddMethod | OddAnswer | OddJson => status(self.call(rng), to, rng).await,
            other => raw::whole(to, &other.bytes(rng)).await,
        }
    }

    /// As bytes on the wire.
    fn bytes(self, rng: &mut Rng) -> Vec<u8> {
        let byte = [rng.u8(0x80..)];
        match self {
            BytesInHeaders => raw::chat(&[
                &[b"x-model: ", &byte[..], b"\xC3\x28"].concat(),
                &[b"user-agent: ", &byte[..]].concat(),
                &[b"content-type: application/json; charset=", &byte[..]].concat(),
                &[b"accept: \t", &byte[..], b"\xED\xA0\x80"].concat(),
            ]),
            BytesInPath => raw::head(&[b"GET /v1/", &byte[..], b"/\xFF?\xFE=%FF%00"].concat(), &[]),
            Duplicates => raw::chat(&[
                b"content-type: application/json",
                b"content-type: text/html",
                b"x-model: a",
                b"x-model: gpt-4.1",
                b"authorization: a",
                b"authorization: b",
                b"x-llm-breaker: open",
                b"x-llm-breaker: x",
                b"accept: text/event-stream",
                b"accept: */*",
                b"retry-after: 1",
                b"retry-after: 2",
            ]),
            HugeHeaders => raw::chat(&[&[&b"x-model: "[..], &[b'a'; 100_000]].concat()]),
            ManyHeaders => {
                let lines: Vec<_> = (0..90).map(|number| format!("x-{number}: {number}")).collect();
                let lines: Vec<_> = lines.iter().map(String::as_bytes).collect();
                raw::chat(&lines)
            }
            EmptyBody => raw::head(
                b"POST /v1/chat/completions",
                &[b"content-length: 0", b"content-type: application/json"],
            ),
            Trailers => {
                let head = raw::head(
                    b"POST /v1/chat/completions",
                    &[b"transfer-encoding: chunked", b"te: trailers"],
                );
                [
                    &head[..],
                    b"5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\nx-model: gpt-4.1\r\nx-b: \xFF\r\n\r\n",
                ]
                .concat()
            }
            _ => raw::chat(&[b"expect: 100-continue"]),
        }
    }

    /// As a call that a library can make.
    fn call(self, rng: &mut Rng) -> Call {
        match self {
            OddMethod => {
                let methods = ["HEAD", "OPTIONS", "TRACE", "DELETE", "PROPFIND", "X"];
                let method = methods[rng.usize(..methods.len())].parse().unwrap_or(Method::HEAD);
                Call::new(method, "/v1/chat/completions").header("content-type", "application/json")
            }
            OddJson => {
                let bodies = [
                    "[".repeat(60_000),
                    format!(r#"{{"model":"{}"}}"#, "m".repeat(60_000)),
                    r#"{"model":{"model":["gpt-4.1"]},"stream":"yes","messages":7}"#.to_owned(),
                    r#"{"model":"\ud800","model":null,"model":"gpt-4.1","stream":1e999}"#
                        .to_owned(),
                    "\0\0\0\0".to_owned(),
                ];
                let body = bodies[rng.usize(..bodies.len())].clone();
                Call::chat().body(body)
            }
            _ => Call::streamed_chat().header(TO_ODD_UPSTREAM.0, TO_ODD_UPSTREAM.1),
        }
    }
}

async fn status(call: Call, to: SocketAddr, rng: &mut Rng) -> Option<u16> {
    let client = if rng.bool() { Client::http1(to) } else { Client::http2(to) };
    client.send(&call).await.ok().map(|answer| answer.status.as_u16())
}

fn upgrade() -> Vec<u8> {
    let lines = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\nsec-websocket-version: 13\r\n";
    format!("GET /v1/realtime?model=gpt-4.1 HTTP/1.1\r\nhost: a\r\n{lines}\r\nbytes of a frame")
        .into_bytes()
}
