//! A request as a test writes it, and the answer as it is read off the wire.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};

/// One request to send.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
}

impl Call {
    /// A small chat completion.
    #[must_use]
    pub fn chat() -> Self {
        Self::post_json("/v1/chat/completions", &chat_body(false))
    }

    /// A small chat completion, answered as a stream of events.
    #[must_use]
    pub fn streamed_chat() -> Self {
        Self::post_json("/v1/chat/completions", &chat_body(true))
    }

    /// A `POST` of a JSON document.
    #[must_use]
    pub fn post_json(path: &str, body: &Value) -> Self {
        Self::new(Method::POST, path)
            .header(CONTENT_TYPE.as_str(), "application/json")
            .body(body.to_string())
    }

    /// A `GET`.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// Any method, with an empty body.
    #[must_use]
    pub fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: Vec::new(), body: Bytes::new() }
    }

    /// Adds a header; a repeated name is sent repeatedly, the bytes need not be UTF-8.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Sends this to another path.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Sends these bytes instead.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The request that HTTP/1 sends to `authority`, or HTTP/2 with an absolute URI.
    pub(super) fn request(
        &self,
        authority: &str,
        absolute: bool,
    ) -> hyper::http::Result<Request<Full<Bytes>>> {
        let uri =
            if absolute { format!("http://{authority}{}", self.path) } else { self.path.clone() };
        let mut request = Request::builder().method(self.method.clone()).uri(uri);
        if !absolute && !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header("host", authority);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value.as_slice());
        }
        request.body(Full::new(self.body.clone()))
    }
}

fn chat_body(stream: bool) -> Value {
    json!({
        "model": "gpt-4.1",
        "messages": [{"role": "user", "content": "Say hello."}],
        "stream": stream,
    })
}

/// How an answer's body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As HTTP wants it.
    Whole,
    /// Cut: the connection closed or the stream was reset.
    Cut,
}

/// One answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// As much of the body as came.
    pub body: Bytes,
    /// The trailers, empty if none came.
    pub trailers: HeaderMap,
    /// How the body ended.
    pub ending: Ending,
    /// From the first byte sent to the headers received.
    pub until_headers: Duration,
    /// From the first byte sent to the end of the body.
    pub elapsed: Duration,
}

impl Answer {
    /// A header as text; a value that is not visible ASCII counts as absent.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text, with replacement characters for what is not UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none, quoting it.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in the body: {}", self.text()))
    }

    /// Whether the filter gave this answer: what it says in `x-llm-breaker`.
    #[must_use]
    pub fn breaker(&self) -> Option<&str> {
        self.header("x-llm-breaker")
    }
}
