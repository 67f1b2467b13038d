//! What happened to one breaker lately? Whoever brought it about notes it here, for those who look
//! at it later: the log is elsewhere.

use crate::breaker::{StateName, Transition};
use crate::shared::cell::{Cell, Loaded, Swap, swap};
use crate::shared::frame::{self, Kind};
use crate::shared::history_key;
use crate::time::Instant;

/// How many events are kept of one breaker.
pub const MAX_EVENTS: usize = 16;

/// Longer ones are not kept: none that this module writes is as long.
const MAX_TEXT_BYTES: usize = 8 * 1024;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// When it happened.
    pub at: Instant,
    /// What it explains as long as it is the latest of its kind.
    pub explains: Explains,
    /// What happened, as a JSON object: the fields of its line in the log, but for whose breaker it
    /// is about.
    pub text: String,
}

/// What an event explains. The latest of each kind is kept, however much happens after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Explains {
    /// Nothing that lasts.
    Nothing = 0,
    /// Why the breaker is open again.
    BeingOpen = 1,
    /// Which outage that belongs to: why it opened first.
    Outage = 2,
    /// Who ordered the override that is in force.
    Override = 3,
}

impl Explains {
    const LASTING: [Self; 3] = [Self::BeingOpen, Self::Outage, Self::Override];

    /// What this transition explains.
    #[must_use]
    pub const fn of(transition: &Transition) -> Self {
        match (transition.from, transition.to) {
            (StateName::Closed, StateName::Open) => Self::Outage,
            (_, StateName::Open) => Self::BeingOpen,
            (_, StateName::Closed | StateName::HalfOpen) => Self::Nothing,
        }
    }
}

/// The latest events, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(Vec<Noted>);

impl History {
    /// What is known of the breaker of this name; nothing where its record is unreadable.
    pub fn of(cell: &impl Cell, name: &str) -> Self {
        match cell.load(&history_key(name)) {
            Loaded::Found(bytes, _) => Self::decode(&bytes).unwrap_or_default(),
            Loaded::Absent | Loaded::Unavailable => Self::default(),
        }
    }

    /// Note what happened to the breaker of this name. What the host or too many others at the same
    /// time prevent is not noted: nothing depends on it.
    pub fn note(cell: &impl Cell, name: &str, noted: &Noted) {
        if noted.text.len() > MAX_TEXT_BYTES {
            return;
        }
        let _ = swap(cell, &history_key(name), |bytes| {
            let mut history = bytes.as_deref().and_then(Self::decode).unwrap_or_default();
            history.insert(noted.clone());
            Swap::Store(history.encode(), ())
        });
    }

    /// The events, the newest first.
    #[must_use]
    pub fn events(&self) -> &[Noted] {
        &self.0
    }

    /// Why it opened last.
    #[must_use]
    pub fn opening(&self) -> Option<&Noted> {
        let openings = [Explains::BeingOpen, Explains::Outage];
        self.0.iter().find(|noted| openings.contains(&noted.explains))
    }

    /// The order of the override that is in force since then.
    #[must_use]
    pub fn order(&self, since: Instant) -> Option<&Noted> {
        let its = |noted: &&Noted| noted.explains == Explains::Override && noted.at == since;
        self.0.iter().find(its)
    }

    /// Workers note what they did a little later than they did it: the time decides, and of two at
    /// the same time the one noted later is the newer.
    fn insert(&mut self, noted: Noted) {
        let place = self.0.iter().take_while(|known| known.at > noted.at).count();
        self.0.insert(place, noted);
        if self.0.len() > MAX_EVENTS {
            self.forget_one();
        }
    }

    /// The oldest, unless it still explains something.
    fn forget_one(&mut self) {
        let latest =
            Explains::LASTING.map(|kind| self.0.iter().position(|noted| noted.explains == kind));
        let oldest = (0..self.0.len()).rev().find(|place| !latest.contains(&Some(*place)));
        if let Some(oldest) = oldest {
            self.0.remove(oldest);
        }
    }

    fn encode(&self) -> Vec<u8> {
        let texts: usize = self.0.iter().map(|noted| noted.text.len().saturating_add(14)).sum();
        let mut frame = frame::start(Kind::History, texts);
        for Noted { at, explains, text } in &self.0 {
            frame.extend_from_slice(&at.as_nanos().to_le_bytes());
            frame.extend_from_slice(&(*explains as u32).to_le_bytes());
            frame::text(&mut frame, text);
        }
        frame::seal(frame)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut payload = frame::open(bytes, Kind::History)?;
        let mut events = Vec::new();
        while !payload.is_empty() {
            if events.len() >= MAX_EVENTS {
                return None;
            }
            let at = Instant::from_nanos(payload.u64()?);
            let kind = payload.u32()?;
            let explains = Explains::LASTING.into_iter().find(|it| *it as u32 == kind);
            let explains = explains.unwrap_or(Explains::Nothing);
            events.push(Noted { at, explains, text: payload.text()? });
        }
        Some(Self(events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::cell::tests::Map;

    fn noted(seconds: u64, explains: Explains, text: &str) -> Noted {
        let at = Instant::from_nanos(seconds * 1_000_000_000);
        Noted { at, explains, text: text.to_owned() }
    }

    fn note(map: &Map, seconds: u64, explains: Explains, text: &str) {
        History::note(map, "openai", &noted(seconds, explains, text));
    }

    fn texts(map: &Map) -> Vec<String> {
        let history = History::of(map, "openai");
        history.events().iter().map(|noted| noted.text.clone()).collect()
    }

    #[test]
    fn the_newest_comes_first_whoever_noted_it_first() {
        let map = Map::default();
        for (seconds, text) in [(1, "a"), (3, "d"), (2, "b"), (2, "c")] {
            note(&map, seconds, Explains::Nothing, text);
        }
        assert_eq!(texts(&map), ["d", "c", "b", "a"]);
        assert_eq!(History::of(&map, "azure"), History::default());
    }

    #[test]
    fn their_number_is_bounded_and_what_explains_the_present_stays() {
        let map = Map::default();
        note(&map, 1, Explains::Override, "order");
        note(&map, 2, Explains::Outage, "an older outage");
        note(&map, 3, Explains::Outage, "outage");
        note(&map, 4, Explains::BeingOpen, "open");
        for seconds in 5..1_000 {
            note(&map, seconds, Explains::Nothing, "later");
        }
        let kept = texts(&map);
        assert_eq!(kept.len(), MAX_EVENTS);
        assert_eq!(kept[MAX_EVENTS - 4..], ["later", "open", "outage", "order"]);
        let history = History::of(&map, "openai");
        assert_eq!(history.opening().map(|it| it.text.as_str()), Some("open"));
        let order = |seconds: u64| history.order(Instant::from_nanos(seconds * 1_000_000_000));
        assert_eq!([order(1).is_some(), order(2).is_some()], [true, false]);
    }

    #[test]
    fn two_workers_that_note_at_once_lose_nothing() {
        let map = Map::default();
        let rival = History(vec![noted(1, Explains::Nothing, "rival's")]);
        map.rivals.borrow_mut().push(rival.encode());
        note(&map, 2, Explains::Nothing, "ours");
        assert_eq!(texts(&map), ["ours", "rival's"]);
    }

    #[test]
    fn what_is_too_long_or_not_ours_is_not_there() {
        let map = Map::default();
        note(&map, 1, Explains::Nothing, &"x".repeat(8 * 1024 + 1));
        assert_eq!(texts(&map), [] as [&str; 0]);
        note(&map, 1, Explains::Nothing, &"x".repeat(8 * 1024));
        assert_eq!(texts(&map).len(), 1);
        map.put(&history_key("openai"), b"garbage");
        assert_eq!(texts(&map), [] as [&str; 0]);
        note(&map, 1, Explains::Nothing, "a fresh start");
        assert_eq!(texts(&map), ["a fresh start"]);
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        let mut seed = 3_u64;
        let whole =
            History(vec![noted(1, Explains::Outage, "a"), noted(0, Explains::Nothing, "b")]);
        let bytes = whole.encode();
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut forged = frame::start(Kind::History, 0);
            let mut payload = bytes[16..].to_vec();
            let place = (seed >> 33) as usize % payload.len();
            payload[place] = (seed >> 20) as u8;
            payload.truncate((seed >> 13) as usize % (payload.len() + 1));
            forged.extend_from_slice(&payload);
            let _ = History::decode(&frame::seal(forged));
        }
        assert_eq!(History::decode(&bytes), Some(whole));
    }
}
