//! What does the fleet say of a breaker, and is anybody in touch with it? The VM that keeps the
//! connection to the store leaves it here, for those who look.

use crate::breaker::FleetOrder;
use crate::category::Category;
use crate::fleet::{Author, Basis, Instruction, Says};
use crate::policy::Mode;
use crate::shared::cell::{Cell, Loaded, Swap, swap};
use crate::shared::frame::{self, Kind, Payload};
use crate::shared::{fleet_key, fleet_view_key};
use crate::time::Instant;
use core::time::Duration;

/// How many reports are shown of one breaker.
pub const MAX_REPORTS: usize = 16;

/// Names longer than that are cut: none is that long unless somebody means mischief.
const MAX_TEXT_BYTES: usize = 256;

/// The VM that keeps the connection says so once a second: if it did not for that long, none does.
const SILENCE: Duration = Duration::from_secs(4);

/// One fleet, as the VM that keeps the connection sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetStatus {
    /// When this was left.
    pub at: Instant,
    /// Which root context of that VM is woken when there are news.
    pub context: u32,
    /// Whether all of the store was read and its changes are watched.
    pub connected: bool,
    /// Whose account it is about.
    pub scope: String,
    /// This proxy's failure domain.
    pub domain: String,
}

impl FleetStatus {
    /// What was left for this fleet, unless that is long ago.
    pub fn left_for(cell: &impl Cell, fleet: &str, now: Instant) -> Option<Self> {
        Self::load(cell, fleet).filter(|status| now.since(status.at) <= SILENCE)
    }

    /// Which context is woken when there are news, however long ago that was said.
    pub fn wakes(cell: &impl Cell, fleet: &str) -> Option<u32> {
        Self::load(cell, fleet).map(|status| status.context)
    }

    fn load(cell: &impl Cell, fleet: &str) -> Option<Self> {
        let Loaded::Found(bytes, _) = cell.load(&fleet_key(fleet)) else { return None };
        Self::decode(&bytes)
    }

    /// Leave it for this fleet.
    pub fn leave(&self, cell: &impl Cell, fleet: &str) {
        let _ = swap(cell, &fleet_key(fleet), |_| Swap::Store(self.encode(), ()));
    }

    fn encode(&self) -> Vec<u8> {
        let mut frame = frame::start(Kind::FleetStatus, 64);
        frame.extend_from_slice(&self.at.as_nanos().to_le_bytes());
        frame.extend_from_slice(&self.context.to_le_bytes());
        frame.push(u8::from(self.connected));
        frame::text(&mut frame, cut(&self.scope));
        frame::text(&mut frame, cut(&self.domain));
        frame::seal(frame)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut payload = frame::open(bytes, Kind::FleetStatus)?;
        let at = Instant::from_nanos(payload.u64()?);
        let (context, connected) = (payload.u32()?, payload.u8()? == 1);
        Some(Self { at, context, connected, scope: payload.text()?, domain: payload.text()? })
    }
}

/// What proxies say of one breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetView {
    /// Their reports, as many as are shown.
    pub reports: Vec<Report>,
    /// How many more there are.
    pub left_out: u32,
    /// Who may probe: domain and node.
    pub probes: Option<String>,
    /// What is ordered for the whole fleet.
    pub ordered: Option<Instruction>,
}

/// What one proxy says of a breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its failure domain.
    pub domain: String,
    /// Its node id.
    pub node: String,
    /// What it says.
    pub says: Says,
    /// Until when that holds.
    pub until: Instant,
}

impl FleetView {
    /// What was left for the breaker of this name.
    pub fn left_for(cell: &impl Cell, name: &str) -> Option<Self> {
        match cell.load(&fleet_view_key(name)) {
            Loaded::Found(bytes, _) => Self::decode(&bytes),
            Loaded::Absent | Loaded::Unavailable => None,
        }
    }

    /// Leave it for the breaker of this name.
    pub fn leave(&self, cell: &impl Cell, name: &str) {
        let _ = swap(cell, &fleet_view_key(name), |bytes| {
            let encoded = self.encode();
            if bytes.is_some_and(|bytes| bytes == encoded) {
                Swap::Keep(())
            } else {
                Swap::Store(encoded, ())
            }
        });
    }

    fn encode(&self) -> Vec<u8> {
        let mut frame = frame::start(Kind::FleetView, 64);
        frame::text(&mut frame, cut(self.probes.as_deref().unwrap_or_default()));
        match &self.ordered {
            Some(it) => encode_instruction(it, &mut frame),
            None => frame.push(NONE),
        }
        let more = self.reports.len().saturating_sub(MAX_REPORTS);
        let left_out = self.left_out.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        frame.extend_from_slice(&left_out.to_le_bytes());
        self.reports.iter().take(MAX_REPORTS).for_each(|report| report.encode(&mut frame));
        frame::seal(frame)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut payload = frame::open(bytes, Kind::FleetView)?;
        let probes = Some(payload.text()?).filter(|probes| !probes.is_empty());
        let ordered = match payload.u8()? {
            NONE => None,
            mode => Some(decode_instruction(mode, &mut payload)?),
        };
        let left_out = payload.u32()?;
        let mut reports = Vec::new();
        while !payload.is_empty() {
            if reports.len() >= MAX_REPORTS {
                return None;
            }
            reports.push(Report::decode(&mut payload)?);
        }
        Some(Self { reports, left_out, probes, ordered })
    }
}

/// One without an end ends when no clock gets.
fn encode_instruction(instruction: &Instruction, frame: &mut Vec<u8>) {
    let Instruction { order, author } = instruction;
    frame.push(order.mode as u8);
    let until = order.until.map_or(u64::MAX, Instant::as_nanos);
    frame.extend_from_slice(&until.to_le_bytes());
    for text in [&author.user, &author.reason] {
        frame::text(frame, cut(text.as_deref().unwrap_or_default()));
    }
}

fn decode_instruction(mode: u8, payload: &mut Payload<'_>) -> Option<Instruction> {
    let mode = *Mode::ALL.get(usize::from(mode))?;
    let until = Some(payload.u64()?).filter(|until| *until != u64::MAX).map(Instant::from_nanos);
    let (user, reason) = (payload.text()?, payload.text()?);
    let author = Author::of(Some(&user), Some(&reason));
    Some(Instruction { order: FleetOrder { mode, until }, author })
}

impl Report {
    fn encode(&self, frame: &mut Vec<u8>) {
        let (kind, category) = match self.says {
            Says::Closed => (0, None),
            Says::Open { basis: Basis::Announced, reason } => (1, reason),
            Says::Open { basis: Basis::Observed, reason } => (2, reason),
            Says::Open { basis: Basis::Probe, reason } => (3, reason),
        };
        let place =
            category.and_then(|category| Category::ALL.iter().position(|it| *it == category));
        frame
            .extend_from_slice(&[kind, place.and_then(|it| u8::try_from(it).ok()).unwrap_or(NONE)]);
        frame.extend_from_slice(&self.until.as_nanos().to_le_bytes());
        frame::text(frame, cut(&self.domain));
        frame::text(frame, cut(&self.node));
    }

    fn decode(payload: &mut Payload<'_>) -> Option<Self> {
        let (kind, place) = (payload.u8()?, payload.u8()?);
        let reason = Category::ALL.get(usize::from(place)).copied();
        let says = match kind {
            0 => Says::Closed,
            1 => Says::Open { basis: Basis::Announced, reason },
            2 => Says::Open { basis: Basis::Observed, reason },
            3 => Says::Open { basis: Basis::Probe, reason },
            _ => return None,
        };
        let until = Instant::from_nanos(payload.u64()?);
        Some(Self { domain: payload.text()?, node: payload.text()?, says, until })
    }
}

/// In place of a mode or a category that is none.
const NONE: u8 = u8::MAX;

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT_BYTES)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::cell::tests::Map;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    fn report(says: Says) -> Report {
        Report { domain: "eu-1".into(), node: "node/7".into(), says, until: at(90) }
    }

    fn ordered(mode: Mode, until: Option<Instant>) -> Instruction {
        let author = Author::of(until.map(|_| "ann"), None);
        Instruction { order: FleetOrder { mode, until }, author }
    }

    fn view() -> FleetView {
        let open = |basis: Basis, reason: Option<Category>| Says::Open { basis, reason };
        let reason = Some(Category::ServerError);
        let says = [
            Says::Closed,
            open(Basis::Announced, reason),
            open(Basis::Observed, None),
            open(Basis::Probe, reason),
        ];
        FleetView {
            reports: says.map(report).into(),
            left_out: 7,
            probes: Some("eu-1/node/7".into()),
            ordered: Some(ordered(Mode::ForcedOpen, Some(at(60)))),
        }
    }

    #[test]
    fn what_is_left_is_found() {
        let map = Map::default();
        assert_eq!(FleetView::left_for(&map, "openai"), None);
        view().leave(&map, "openai");
        assert_eq!(FleetView::left_for(&map, "openai"), Some(view()));
        let ordered = Some(ordered(Mode::Disabled, None));
        let bare = FleetView { ordered, ..FleetView::default() };
        bare.leave(&map, "openai");
        assert_eq!(FleetView::left_for(&map, "openai"), Some(bare));
    }

    #[test]
    fn what_did_not_change_is_not_stored_again() {
        let map = Map::default();
        view().leave(&map, "openai");
        let before = map.load(&fleet_view_key("openai"));
        view().leave(&map, "openai");
        assert_eq!(map.load(&fleet_view_key("openai")), before);
    }

    #[test]
    fn a_fleet_of_which_nothing_was_heard_for_seconds_has_nobody_in_touch() {
        let map = Map::default();
        assert_eq!(FleetStatus::wakes(&map, "f"), None);
        let status =
            FleetStatus { at: at(100), context: 7, connected: true, ..FleetStatus::default() };
        status.leave(&map, "f");
        assert_eq!(FleetStatus::left_for(&map, "f", at(104)), Some(status));
        assert_eq!(FleetStatus::left_for(&map, "f", at(105)), None);
        assert_eq!(FleetStatus::wakes(&map, "f"), Some(7), "news are for whoever comes back");
    }

    #[test]
    fn it_is_bounded_whatever_the_store_says() {
        let map = Map::default();
        let long = Report { domain: "ä".repeat(10_000), ..report(Says::Closed) };
        FleetView { reports: vec![long; 100], left_out: 1, ..view() }.leave(&map, "openai");
        let found = FleetView::left_for(&map, "openai").expect("it is there");
        assert_eq!((found.reports.len(), found.left_out), (MAX_REPORTS, 85));
        assert_eq!(found.reports[0].domain, "ä".repeat(128));
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        let mut seed = 3_u64;
        let bytes = view().encode();
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut forged = frame::start(Kind::FleetView, 0);
            let mut payload = bytes[16..].to_vec();
            let place = (seed >> 33) as usize % payload.len();
            payload[place] = (seed >> 20) as u8;
            payload.truncate((seed >> 13) as usize % (payload.len() + 1));
            forged.extend_from_slice(&payload);
            let _ = FleetView::decode(&frame::seal(forged));
        }
        assert_eq!(FleetView::decode(&bytes), Some(view()));
    }
}
