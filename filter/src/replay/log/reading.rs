//! From lines to calls in the order of their admissions, with all that is to be said of the others.

use crate::replay::call::{Call, Source};
use crate::replay::log::Fields;
use crate::replay::log::clock::{Clocks, Times};
use crate::replay::log::line::Line;
use crate::replay::log::lines::{Lines, Next};
use crate::replay::log::order::{Order, Place, Taken, Turn};
use crate::replay::log::skipped::{Fault, Reason, Skipped};
use crate::replay::log::told::Tells;
use core::time::Duration;
use serde::Serialize;
use std::collections::HashSet;
use std::io::BufRead;
use std::sync::Arc;
use xxhash_rust::xxh64::xxh64;

/// Names of clusters and models that are kept once.
const MAX_NAMES: usize = 1 << 16;

/// Of the names that a log holds, as much as any has.
const MAX_NAME: usize = 512;

/// How a log is read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where in a line stands what is read of it.
    pub fields: Fields,
    /// How much later than calls that were admitted after it a call may be written.
    pub reorder: Duration,
}

impl Default for Options {
    /// The shipped format, and a quarter of an hour: longer than official SDKs wait.
    fn default() -> Self {
        Self { fields: Fields::default(), reorder: Duration::from_secs(15 * 60) }
    }
}

/// What is done with the calls.
pub trait Sink {
    /// One more; those of one source come in the order of their admissions.
    fn call(&mut self, call: &Call);

    /// No more calls of this source come.
    fn source_ended(&mut self, source: &Source);
}

/// What was read.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Reading {
    /// Lines, whatever was on them.
    pub lines: u64,
    /// Calls, each with its own cluster: two where a request was sent elsewhere.
    pub calls: u64,
    /// The lines that tell of none.
    pub skipped: Skipped,
}

/// A log that is being read.
pub struct Reader {
    options: Options,
    clocks: Clocks,
    order: Order,
    names: HashSet<Arc<str>>,
    files: Vec<String>,
    reading: Reading,
}

impl Reader {
    /// Nothing was read yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            clocks: Clocks::new(options.reorder),
            order: Order::within(options.reorder),
            options,
            names: HashSet::new(),
            files: Vec::new(),
            reading: Reading::default(),
        }
    }

    /// Reads one file, `name` in messages. Calls whose turn has not come wait for the next one.
    pub fn read(&mut self, name: &str, text: impl BufRead, sink: &mut impl Sink) {
        let file = self.files.len();
        self.files.push(name.to_owned());
        let mut lines = Lines::of(text);
        for number in 1.. {
            let outcome = match lines.next() {
                Ok(Next::End) => break,
                Ok(Next::Line(line)) => self.line(line, Place { file, line: number }, sink),
                Ok(Next::TooLong) => Err(Reason::TooLong.into()),
                Err(error) => {
                    let fault = Fault::new(Reason::Unreadable, error.to_string());
                    self.reading.skipped.note(name, number, &fault);
                    break;
                }
            };
            self.reading.lines += 1;
            if let Err(fault) = outcome {
                self.reading.skipped.note(name, number, &fault);
            }
        }
    }

    fn line(&mut self, bytes: &[u8], place: Place, sink: &mut impl Sink) -> Result<(), Fault> {
        if bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        if self.options.fields.are_shipped() {
            return self.told(&Line::parse(bytes)?, bytes, place, sink);
        }
        let shipped = self.options.fields.translate(bytes)?;
        // The line itself tells it from others, with all that is not read of it.
        self.told(&Line::parse(&shipped)?, bytes, place, sink)
    }

    fn told(
        &mut self,
        line: &Line<'_>,
        bytes: &[u8],
        place: Place,
        sink: &mut impl Sink,
    ) -> Result<(), Fault> {
        let Tells { admitted, is_monotonic, calls } = line.tells()?;
        let times = Times {
            admitted,
            settled: calls.iter().flatten().filter_map(|it| it.settled()).fold(admitted, Ord::max),
            began_unix_ns: line.time.map(|time| time.unix_ns),
            duration: line.duration(),
            is_monotonic,
        };
        let node = line.node.as_deref().unwrap_or_default();
        let owner = self.clocks.owner(cut(node), &times);
        if owner.began_anew {
            self.note(place, &Fault::new(Reason::ClockBegan, format!("node {:?}", cut(node))));
        }
        if owner.was_forgotten {
            self.note(place, &Fault::new(Reason::ProxyForgotten, format!("node {:?}", cut(node))));
        }
        if let Some(ended) = owner.ended {
            self.end(&ended, sink);
        }
        let identity = line.request_id.as_deref().map_or(bytes, str::as_bytes);
        for (seed, told) in (0..).zip(calls.into_iter().flatten()) {
            let call = Call {
                source: Arc::clone(&owner.source),
                cluster: self.name(told.cluster),
                part: told.part.map(|part| self.name(part)),
                admitted,
                epochs: told.epochs,
                fate: told.fate,
            };
            let id = xxh64(identity, seed);
            if self.order.take(call, times.settled, id, place) == Taken::TooLate {
                return Err(Reason::TooLate.into());
            }
        }
        while let Some(turn) = self.order.next(&owner.source) {
            self.pass_on(turn, sink);
        }
        Ok(())
    }

    fn pass_on(&mut self, turn: Turn, sink: &mut impl Sink) {
        match turn {
            Turn::Call(call) => {
                self.reading.calls += 1;
                sink.call(&call);
            }
            Turn::Duplicate(place) => self.note(place, &Reason::Duplicate.into()),
        }
    }

    fn end(&mut self, source: &Source, sink: &mut impl Sink) {
        while let Some(turn) = self.order.rest(source.id) {
            self.pass_on(turn, sink);
        }
        sink.source_ended(source);
    }

    fn note(&mut self, place: Place, fault: &Fault) {
        let file = self.files.get(place.file).map_or("", String::as_str);
        self.reading.skipped.note(file, place.line, fault);
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        let name = cut(name);
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(name);
        if self.names.len() < MAX_NAMES {
            self.names.insert(Arc::clone(&new));
        }
        new
    }

    /// How much was read so far.
    #[must_use]
    pub const fn so_far(&self) -> &Reading {
        &self.reading
    }

    /// No more comes: all calls that wait have their turn.
    pub fn finish(mut self, sink: &mut impl Sink) -> Reading {
        while let Some(source) = self.order.any_source() {
            while let Some(turn) = self.order.rest(source) {
                self.pass_on(turn, sink);
            }
        }
        self.reading
    }
}

/// A name as long as names are.
fn cut(name: &str) -> &str {
    name.get(..name.floor_char_boundary(MAX_NAME)).unwrap_or(name)
}
