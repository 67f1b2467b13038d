//! What can happen next, as a script has it.

use std::time::Duration;

use super::{
    super::status::Status,
    Cast,
    props::{DAMAGED_WITH, HOST_CALLS, HOST_CALLS_OF_FLEET, PROPERTIES, Setting},
    script::Script,
};

/// What can happen next. A stream is named by its number among those that live.
pub(super) enum Step {
    /// A stream begins; nothing of it comes yet.
    Begin,
    /// What comes next of a stream where all is in order, with this of its content.
    GoOn(usize, Content),
    /// Any callback of a stream.
    Disorder(usize, Callback, Content),
    /// A stream is over and its context gone.
    Delete(usize),
    Tick,
    Wait(Duration),
    WallClock(u64),
    /// So many of the next calls of this name fail so.
    Refuse(&'static str, Status, Times),
    /// The next host call that gives bytes gives these.
    Say(Vec<u8>),
    /// The host does as it is told again.
    Behave,
    /// A property of a stream has this value, or is absent.
    Property(usize, &'static str, Option<Vec<u8>>),
    /// A value of shared data, by its number, is damaged.
    Damage(usize, Damage),
    /// A configuration follows the one in force.
    Configure(Configured),
    /// Something of the fleet's.
    Fleet(OfFleet),
}

/// What can happen between a VM, the fleet's store and the other VMs. Streams and calls are named by
/// their number among those that are open.
pub(super) enum OfFleet {
    /// A call is answered so.
    Reply(usize, Said),
    /// A call fails with this gRPC status.
    Fail(usize, u32),
    /// A message comes on a stream.
    Push(usize, Said),
    /// A stream ends with this status.
    Close(usize, u32),
    /// Something comes of what was never opened, or has ended.
    Stray(u32, u32),
    /// Another VM puts this into each queue.
    Enqueue(Vec<u8>),
    /// Whoever has messages in a queue is told.
    Wake,
    /// So many of the next calls of this name fail so.
    Refuse(&'static str, Status, Times),
}

/// What a message is.
pub(super) enum Said {
    /// What a store would say.
    Sound(Written),
    /// Any bytes.
    Anything(Vec<u8>),
}

/// What others wrote into a store, and how it stands.
pub(super) struct Written {
    pub(super) which: u8,
    pub(super) flags: u8,
    pub(super) revision: u8,
    pub(super) literal: Vec<u8>,
}

pub(super) enum Times {
    Next(usize),
    Always,
}

/// The callbacks of a stream that may come at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Callback {
    /// `proxy_on_request_headers`
    RequestHeaders,
    /// `proxy_on_request_body`
    RequestBody,
    /// `proxy_on_request_trailers`
    RequestTrailers,
    /// `proxy_on_response_headers`
    ResponseHeaders,
    /// `proxy_on_response_body`
    ResponseBody,
    /// `proxy_on_response_trailers`
    ResponseTrailers,
    /// `proxy_on_log`
    Log,
    /// `proxy_on_done`
    Done,
}

impl Callback {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::RequestHeaders,
        Self::RequestBody,
        Self::RequestTrailers,
        Self::ResponseHeaders,
        Self::ResponseBody,
        Self::ResponseTrailers,
        Self::Log,
        Self::Done,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RequestHeaders => "proxy_on_request_headers",
            Self::RequestBody => "proxy_on_request_body",
            Self::RequestTrailers => "proxy_on_request_trailers",
            Self::ResponseHeaders => "proxy_on_response_headers",
            Self::ResponseBody => "proxy_on_response_body",
            Self::ResponseTrailers => "proxy_on_response_trailers",
            Self::Log => "proxy_on_log",
            Self::Done => "proxy_on_done",
        }
    }

    pub(super) fn is_of_request(self) -> bool {
        matches!(self, Self::RequestHeaders | Self::RequestBody | Self::RequestTrailers)
    }
}

/// What a callback is shown, whichever it is.
pub(super) struct Content {
    /// Which of the heads and bodies that there are.
    pub(super) which: u8,
    /// Bytes of the script, which go into them.
    pub(super) literal: Vec<u8>,
    /// Whether the message ends with it.
    pub(super) ends: bool,
    /// Whether it ends with trailers, where all is in order.
    pub(super) has_trailers: bool,
    /// A size that the callback is told, which is not that of the body.
    pub(super) lie: Option<u32>,
}

impl Content {
    /// The first of what there is, and the end of the message.
    pub(super) fn end() -> Self {
        Self { which: 0, literal: Vec::new(), ends: true, has_trailers: false, lie: None }
    }

    /// The head of an answer with this status, which has a body.
    pub(super) fn head(status: &str) -> Self {
        Self { literal: [b"\0", status.as_bytes()].concat(), ends: false, ..Self::end() }
    }

    fn of(script: &mut Script<'_>) -> Option<Self> {
        let (which, flags) = (script.byte()?, script.byte()?);
        Some(Self {
            which,
            literal: if flags & 0b1000_0001 == 0b1000_0001 {
                script.literal()?.to_vec()
            } else {
                Vec::new()
            },
            ends: flags & 0b110 == 0b110,
            has_trailers: flags & 0b100_1000 == 0b100_1000,
            lie: if flags & 0b11_0000 == 0b11_0000 { Some(lie(script.byte()?)) } else { None },
        })
    }
}

/// Small, at the limits that the module has, or all there is.
fn lie(byte: u8) -> u32 {
    match byte {
        0..=199 => u32::from(byte),
        200..=249 => u32::from(byte - 199) << 10,
        _ => u32::MAX - u32::from(byte),
    }
}

pub(super) enum Damage {
    Flip {
        at: usize,
        bits: u8,
    },
    Truncate(usize),
    Replace(Vec<u8>),
    /// By another value of shared data.
    Other(usize),
}

pub(super) enum Configured {
    Sound(Setting),
    /// Whatever these bytes are; a configuration is refused, or it is one.
    Literal(Vec<u8>),
}

impl Step {
    /// What the script says; `None` at its end.
    pub(super) fn next(script: &mut Script<'_>, cast: Cast) -> Option<Self> {
        let kinds = match cast {
            Cast::Alone => 64,
            Cast::Fleet => 112,
        };
        Some(match script.byte()? % kinds {
            kind @ 64.. => Self::Fleet(OfFleet::next(kind - 64, script)?),
            0..=4 => Self::Begin,
            5..=38 => Self::GoOn(script.number()?, Content::of(script)?),
            39..=45 => {
                let (stream, callback) = (script.number()?, *script.pick(&Callback::ALL)?);
                Self::Disorder(stream, callback, Content::of(script)?)
            }
            46 => Self::Delete(script.number()?),
            47..=51 => Self::Tick,
            52..=54 => Self::Wait(wait(script.byte()?)),
            55 => Self::WallClock(wall_clock(script.byte()?)),
            56..=58 => {
                let (call, status) = (*script.pick(&HOST_CALLS)?, *script.pick(&Status::ERRORS)?);
                // The SDK asks for it in each gRPC callback and panics without; Envoy refuses it only
                // for a context that is gone, and then there is no such callback.
                if cast == Cast::Fleet && call == "proxy_set_effective_context" {
                    return Some(Self::Tick);
                }
                let times = match script.byte()? {
                    0..=199 => Times::Next(1),
                    200..=229 => Times::Next(5),
                    _ => Times::Always,
                };
                Self::Refuse(call, status, times)
            }
            59 => Self::Say(said(script)?),
            60 => Self::Behave,
            61 => {
                let (stream, property) = (script.number()?, *script.pick(&PROPERTIES)?);
                let is_there = !script.once_in(4)?;
                let value = if is_there { Some(script.literal()?.to_vec()) } else { None };
                Self::Property(stream, property, value)
            }
            62 => Self::Damage(script.number()?, damage(script)?),
            _ => Self::Configure(match script.byte()? % 4 {
                0 => Configured::Literal(script.literal()?.to_vec()),
                _ => Configured::Sound(*script.pick(Setting::played(cast))?),
            }),
        })
    }
}

impl OfFleet {
    fn next(kind: u8, script: &mut Script<'_>) -> Option<Self> {
        Some(match kind {
            0..=15 => Self::Reply(script.number()?, Said::next(script)?),
            16..=18 => Self::Fail(script.number()?, u32::from(script.byte()? % 17)),
            19..=31 => Self::Push(script.number()?, Said::next(script)?),
            32..=33 => Self::Close(script.number()?, u32::from(script.byte()? % 17)),
            34 => Self::Stray(u32::from(script.byte()?), u32::from(script.byte()?)),
            35..=38 => Self::Enqueue(told(script)?),
            39..=43 => Self::Wake,
            _ => {
                let call = *script.pick(&HOST_CALLS_OF_FLEET)?;
                // The SDK knows no others where it opens something, and Envoy has no others there.
                let statuses: &[Status] = match call {
                    "proxy_grpc_stream" | "proxy_grpc_call" => {
                        &[Status::ParseFailure, Status::InternalFailure]
                    }
                    _ => &Status::ERRORS,
                };
                let status = *script.pick(statuses)?;
                let is_for_good = script.once_in(8)?;
                Self::Refuse(call, status, if is_for_good { Times::Always } else { Times::Next(1) })
            }
        })
    }
}

impl Said {
    fn next(script: &mut Script<'_>) -> Option<Self> {
        if script.once_in(8)? {
            return Some(Self::Anything(said(script)?));
        }
        let (which, flags, revision) = (script.byte()?, script.byte()?, script.byte()?);
        let literal = if script.once_in(4)? { script.literal()?.to_vec() } else { Vec::new() };
        Some(Self::Sound(Written { which, flags, revision, literal }))
    }
}

/// News of a breaker, or bytes that are none.
fn told(script: &mut Script<'_>) -> Option<Vec<u8>> {
    let (kind, rest) = (script.byte()?, script.literal()?);
    let layout = if kind >= 240 { kind } else { 1 };
    Some([&[layout, kind % 9], rest, b"openai"].concat())
}

/// Up to a minute second by second, then more and more.
fn wait(byte: u8) -> Duration {
    match byte {
        0..=149 => Duration::from_millis(u64::from(byte) * 20),
        150..=239 => Duration::from_secs(u64::from(byte) - 149),
        _ => Duration::from_secs(u64::from(byte) * 60),
    }
}

fn wall_clock(byte: u8) -> u64 {
    match byte {
        0 => 0,
        255 => u64::MAX,
        _ => u64::from(byte) << 56,
    }
}

/// Bytes that no host should say: a literal, or a count of pairs that are not there.
fn said(script: &mut Script<'_>) -> Option<Vec<u8>> {
    Some(match script.byte()? % 4 {
        0 => vec![script.byte()?; 1 << (script.number()? % 18)],
        1 => [&[script.byte()?, 0, 0, 0][..], script.literal()?].concat(),
        _ => script.literal()?.to_vec(),
    })
}

fn damage(script: &mut Script<'_>) -> Option<Damage> {
    Some(match script.byte()? % 4 {
        0 => Damage::Flip { at: script.number()?, bits: script.byte()? },
        1 => Damage::Truncate(script.number()?),
        2 => Damage::Replace([*script.pick(&DAMAGED_WITH)?, script.literal()?].concat()),
        _ => Damage::Other(script.number()?),
    })
}
