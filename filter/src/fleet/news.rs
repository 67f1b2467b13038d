//! What does a worker tell the VM that speaks for this proxy? News of one breaker, as bytes on their
//! way through a shared queue.

use crate::category::Category;
use crate::fleet::fact::Basis;
use crate::fleet::ordered::{Author, MAX_REASON_BYTES, MAX_USER_BYTES};
use crate::policy::Mode;
use crate::shared::MAX_NAME_BYTES;
use crate::time::Instant;
use core::time::Duration;

/// The first byte, so that bytes of another layout are none.
const LAYOUT: u8 = 2;

/// More is never told at once.
pub const MAX_TOLD_BYTES: usize = MAX_NAME_BYTES + MAX_USER_BYTES + MAX_REASON_BYTES + 32;

/// What happened to a breaker here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It opened, or stays open for longer.
    Opened {
        /// Why others should believe it; `None` if it is not for them to hear: they said it
        /// themselves, or a threshold was lowered.
        basis: Option<Basis>,
        /// How the call ended that did it.
        reason: Category,
        /// Until when it is open.
        until: Instant,
    },
    /// A probe of its failed, and it is open again.
    ProbeFailed {
        /// Why others should believe it.
        basis: Basis,
        /// How the probe ended.
        reason: Category,
        /// Until when it is open.
        until: Instant,
    },
    /// It closed.
    Closed {
        /// By its own probes, which others may take for their own.
        proven: bool,
    },
    /// A request was refused only because it is not this proxy's turn to probe.
    Wanted,
    /// A probe said nothing about the upstream, or never went out.
    ProbeReturned,
    /// An operator orders a mode for all proxies.
    Ordered {
        /// The mode.
        mode: Mode,
        /// For how long; `None` until it is withdrawn.
        lasts: Option<Duration>,
        /// Who, and why.
        author: Author,
    },
    /// What was ordered for all proxies is to end.
    Withdrawn,
}

/// News and the breaker that they are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its name in shared data.
    pub breaker: String,
    /// What happened.
    pub news: News,
}

impl Told {
    /// As bytes; none for a name that no breaker can have.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        if self.breaker.len() > MAX_NAME_BYTES {
            return Vec::new();
        }
        let mut bytes = vec![LAYOUT];
        self.news.write(&mut bytes);
        bytes.extend_from_slice(self.breaker.as_bytes());
        bytes
    }

    /// From bytes that anybody may have sent.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = Rest(bytes);
        if bytes.len() > MAX_TOLD_BYTES || rest.byte()? != LAYOUT {
            return None;
        }
        let news = News::read(&mut rest)?;
        let breaker = String::from_utf8(rest.0.to_vec()).ok()?;
        let fits = !breaker.is_empty() && breaker.len() <= MAX_NAME_BYTES;
        fits.then_some(Self { breaker, news })
    }
}

impl News {
    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Opened { basis, reason, until } => {
                let basis = basis.map_or(NO_BASIS, |basis| basis as u8);
                bytes.extend_from_slice(&[0, basis, *reason as u8]);
                bytes.extend_from_slice(&until.as_nanos().to_le_bytes());
            }
            Self::ProbeFailed { basis, reason, until } => {
                bytes.extend_from_slice(&[1, *basis as u8, *reason as u8]);
                bytes.extend_from_slice(&until.as_nanos().to_le_bytes());
            }
            Self::Closed { proven } => bytes.extend_from_slice(&[2, u8::from(*proven)]),
            Self::Wanted => bytes.push(3),
            Self::ProbeReturned => bytes.push(4),
            Self::Ordered { mode, lasts, author } => {
                let kind = if lasts.is_some() { 5 } else { 6 };
                bytes.extend_from_slice(&[kind, *mode as u8]);
                bytes.extend(lasts.iter().flat_map(|it| crate::time::nanos(*it).to_le_bytes()));
                write_text(author.user.as_deref(), bytes);
                write_text(author.reason.as_deref(), bytes);
            }
            Self::Withdrawn => bytes.push(7),
        }
    }

    fn read(rest: &mut Rest<'_>) -> Option<Self> {
        Some(match rest.byte()? {
            0 => {
                let basis = match rest.byte()? {
                    NO_BASIS => None,
                    byte => Some(one_of(&Basis::ALL, byte)?),
                };
                let reason = one_of(&Category::ALL, rest.byte()?)?;
                Self::Opened { basis, reason, until: Instant::from_nanos(rest.number()?) }
            }
            1 => Self::ProbeFailed {
                basis: one_of(&Basis::ALL, rest.byte()?)?,
                reason: one_of(&Category::ALL, rest.byte()?)?,
                until: Instant::from_nanos(rest.number()?),
            },
            2 => Self::Closed { proven: one_of(&[false, true], rest.byte()?)? },
            3 => Self::Wanted,
            4 => Self::ProbeReturned,
            kind @ (5 | 6) => {
                let mode = one_of(&Mode::ALL, rest.byte()?)?;
                let lasts = if kind == 5 { Some(rest.number()?) } else { None };
                let author = Author {
                    user: rest.text(MAX_USER_BYTES)?,
                    reason: rest.text(MAX_REASON_BYTES)?,
                };
                Self::Ordered { mode, lasts: lasts.map(Duration::from_nanos), author }
            }
            7 => Self::Withdrawn,
            _ => return None,
        })
    }
}

/// Where others are not to hear of it.
const NO_BASIS: u8 = u8::MAX;

fn one_of<T: Copy>(all: &[T], number: u8) -> Option<T> {
    all.get(usize::from(number)).copied()
}

/// A text of no more than 255 bytes behind their number; none is no byte long.
fn write_text(text: Option<&str>, bytes: &mut Vec<u8>) {
    let text = text.unwrap_or_default();
    match u8::try_from(text.len()) {
        Ok(length) => {
            bytes.push(length);
            bytes.extend_from_slice(text.as_bytes());
        }
        Err(_) => bytes.push(0),
    }
}

/// Bytes that are read one after the other.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A text that may be none, which is what `None` inside says.
    fn text(&mut self, longest: usize) -> Option<Option<String>> {
        let length = usize::from(self.byte()?);
        let (text, rest) = self.0.split_at_checked(length).filter(|_| length <= longest)?;
        self.0 = rest;
        let text = core::str::from_utf8(text).ok()?;
        Some((!text.is_empty()).then(|| text.to_owned()))
    }

    fn number(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<News> {
        let until = Instant::from_nanos(u64::MAX - 7);
        let mut all = vec![
            News::Closed { proven: true },
            News::Closed { proven: false },
            News::Wanted,
            News::ProbeReturned,
            News::Withdrawn,
        ];
        for reason in Category::ALL {
            all.push(News::Opened { basis: None, reason, until });
            for basis in Basis::ALL {
                all.push(News::Opened { basis: Some(basis), reason, until });
                all.push(News::ProbeFailed { basis, reason, until });
            }
        }
        for mode in Mode::ALL {
            for lasts in [None, Some(Duration::from_millis(600_001))] {
                let longest = "ä".repeat(MAX_TOLD_BYTES);
                for author in [
                    Author::default(),
                    Author::of(None, Some("drill")),
                    Author::of(Some(&longest), Some(&longest)),
                ] {
                    all.push(News::Ordered { mode, lasts, author });
                }
            }
        }
        all
    }

    #[test]
    fn news_survive_the_queue() {
        for news in all() {
            let told = Told { breaker: "openai\u{1f}gpt-4.1*".to_owned(), news };
            let bytes = told.encode();
            assert!(bytes.len() <= MAX_TOLD_BYTES);
            assert_eq!(Told::decode(&bytes), Some(told));
        }
    }

    #[test]
    fn the_longest_name_fits_and_a_longer_one_is_not_sent() {
        for news in all() {
            let told = Told { breaker: "x".repeat(MAX_NAME_BYTES), news: news.clone() };
            assert_eq!(Told::decode(&told.encode()), Some(told));
            let told = Told { breaker: "x".repeat(MAX_NAME_BYTES + 1), news };
            assert_eq!(Told::decode(&told.encode()), None);
        }
    }

    #[test]
    fn bytes_that_end_early_or_are_of_another_layout_say_nothing() {
        for news in all() {
            let bytes = Told { breaker: String::new(), news: news.clone() }.encode();
            assert_eq!(Told::decode(&bytes), None, "{news:?} of no breaker");
            for end in 0..bytes.len() {
                assert_eq!(Told::decode(&bytes[..end]), None, "{news:?}, {end} bytes of it");
            }
        }
        assert_eq!(Told::decode(&[1, 3, b'x']), None);
        assert_eq!(Told::decode(&[2, 8, b'x']), None);
    }
}
