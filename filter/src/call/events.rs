//! What have the events of this stream said so far?

use crate::dialect::{Dialect, ErrorFacts, EventName, EventReader, Meaning};
use crate::stream::base64;
use crate::stream::json::{Found, Paths, Scanner};
use crate::stream::prefix::Prefix;

/// As much of an event's data as its dialect wants to see: `[DONE]`.
const DATA_BYTES: usize = 8;

/// The events of one stream.
#[derive(Debug)]
pub(super) struct Events {
    reader: EventReader,
    scanner: Scanner<'static>,
    envelope: Option<Envelope>,
    data: Prefix<DATA_BYTES>,
    contents: u64,
    begun: bool,
    finished: bool,
    end: Option<End>,
}

/// What ended the answer before the stream did.
#[derive(Debug)]
pub(super) enum End {
    /// The protocol's own end.
    Terminal,
    /// An error event.
    Error(Box<ErrorFacts>),
}

impl Events {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            reader: EventReader::new(dialect),
            scanner: Scanner::new(dialect.event_places()),
            envelope: dialect.envelope().map(|path| Envelope::new(path, dialect)),
            data: Prefix::default(),
            contents: 0,
            begun: false,
            finished: false,
            end: None,
        }
    }

    /// Whether one was complete that is no error.
    pub(super) const fn have_begun(&self) -> bool {
        self.begun
    }

    /// How many events had something that the model made.
    pub(super) const fn contents(&self) -> u64 {
        self.contents
    }

    /// Whether the model said why it stopped.
    pub(super) const fn have_finished(&self) -> bool {
        self.finished
    }

    /// What ended the answer, if it ended.
    pub(super) const fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The next bytes of an event's data.
    pub(super) fn data(&mut self, bytes: &[u8]) {
        if self.end.is_some() {
            return;
        }
        self.data.extend(bytes);
        let reader = &mut self.reader;
        let mut found = |index, found: Found<'_>| reader.found(index, found);
        self.scanner.feed(bytes, &mut found);
        if let Some(envelope) = &mut self.envelope {
            envelope.feed(bytes, &mut found);
        }
    }

    /// The event with this name is over.
    pub(super) fn dispatch(&mut self, name: EventName<'_>) {
        if self.end.is_some() {
            return;
        }
        let meaning = self.reader.end_of_event(name, self.data.as_bytes());
        self.begun |= !matches!(meaning, Meaning::Error(_));
        match meaning {
            Meaning::KeepAlive | Meaning::Preamble => {}
            Meaning::Content { finished } => {
                self.contents = self.contents.saturating_add(1);
                self.finished |= finished;
            }
            Meaning::Finish => self.finished = true,
            Meaning::Terminal => self.end = Some(End::Terminal),
            Meaning::Error(facts) => self.end = Some(End::Error(facts)),
        }
        self.data.clear();
        self.scanner.restart();
        if let Some(envelope) = &mut self.envelope {
            envelope.restart();
        }
    }
}

/// Some events wrap the model's own in base64.
#[derive(Debug)]
struct Envelope {
    outer: Scanner<'static>,
    decoder: base64::Decoder,
    inner: Scanner<'static>,
}

impl Envelope {
    fn new(path: Paths<'static>, dialect: Dialect) -> Self {
        let outer = Scanner::new(path);
        let inner = Scanner::new(dialect.event_places());
        Self { outer, decoder: base64::Decoder::default(), inner }
    }

    fn feed(&mut self, bytes: &[u8], found: &mut dyn FnMut(usize, Found<'_>)) {
        let Self { outer, decoder, inner } = self;
        outer.feed(bytes, &mut |_, wrapped| {
            if let Found::Piece(text) = wrapped {
                decoder.feed(text, &mut |bytes| inner.feed(bytes, found));
            }
        });
    }

    fn restart(&mut self) {
        self.outer.restart();
        self.decoder = base64::Decoder::default();
        self.inner.restart();
    }
}
