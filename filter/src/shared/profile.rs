//! What does a breaker's policy say, to those who look at the breaker without having it? The VMs
//! that serve its calls leave it here.

use crate::policy::{Choice, Fallback, Mode, Policy, WindowShape};
use crate::shared::cell::{Cell, Loaded, Swap, swap};
use crate::shared::frame::{self, Kind};
use crate::shared::profile_key;
use crate::time::{Instant, nanos};
use core::time::Duration;

/// More than any policy has; what exceeds it is not ours.
const MAX_FALLBACKS: u32 = 17;

const BY_TIME: u32 = 0;
const BY_COUNT: u32 = 1;

/// What is shown of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// When the policy came into force in the VM that left this.
    pub in_force_since: Instant,
    /// The configured mode.
    pub mode: Mode,
    /// Which past calls count.
    pub window: WindowShape,
    /// What a caller gets who is refused: the kinds of fallback in their order, with the targets.
    pub fallbacks: Vec<String>,
}

impl Profile {
    /// What is shown of this policy.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        let mut fallbacks: Vec<String> = policy.fallback.iter().map(described).collect();
        // Behind the last stands a plain error, unless that always answers.
        if policy.fallback.last().is_none_or(|last| !always_answers(last)) {
            fallbacks.push("error".to_owned());
        }
        let Policy { in_force_since, mode, window, .. } = *policy;
        Self { in_force_since, mode, window, fallbacks }
    }

    /// What was left for the breaker of this name; `None` if nothing readable was.
    pub fn left_for(cell: &impl Cell, name: &str) -> Option<Self> {
        match cell.load(&profile_key(name)) {
            Loaded::Found(bytes, _) => Self::decode(&bytes),
            Loaded::Absent | Loaded::Unavailable => None,
        }
    }

    /// Leave it for the breaker of this name, unless a younger policy's is there.
    pub fn leave(&self, cell: &impl Cell, name: &str) {
        let _ =
            swap(cell, &profile_key(name), |bytes| match bytes.as_deref().and_then(Self::decode) {
                Some(there) if there.in_force_since > self.in_force_since => Swap::Keep(()),
                Some(there) if there.says_the_same(self) => Swap::Keep(()),
                _ => Swap::Store(self.encode(), ()),
            });
    }

    /// Every VM takes a configuration in at a time of its own.
    fn says_the_same(&self, other: &Self) -> bool {
        let Self { in_force_since: _, mode, window, fallbacks } = self;
        *mode == other.mode && *window == other.window && *fallbacks == other.fallbacks
    }

    fn encode(&self) -> Vec<u8> {
        let mut frame = frame::start(Kind::Profile, 64);
        let (tag, length, span) = match self.window {
            WindowShape::Time { duration, buckets } => (BY_TIME, buckets, duration),
            WindowShape::Count { calls, max_age } => (BY_COUNT, calls, max_age),
        };
        frame.extend_from_slice(&self.in_force_since.as_nanos().to_le_bytes());
        for number in [self.mode as u32, tag, length] {
            frame.extend_from_slice(&number.to_le_bytes());
        }
        frame.extend_from_slice(&nanos(span).to_le_bytes());
        self.fallbacks.iter().for_each(|fallback| frame::text(&mut frame, fallback));
        frame::seal(frame)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut payload = frame::open(bytes, Kind::Profile)?;
        let in_force_since = Instant::from_nanos(payload.u64()?);
        let mode = Mode::ALL.get(usize::try_from(payload.u32()?).ok()?).copied()?;
        let tag = payload.u32()?;
        let length = payload.u32()?;
        let span = Duration::from_nanos(payload.u64()?);
        let window = match tag {
            BY_TIME => WindowShape::Time { duration: span, buckets: length },
            BY_COUNT => WindowShape::Count { calls: length, max_age: span },
            _ => return None,
        };
        let mut fallbacks = Vec::new();
        while !payload.is_empty() {
            if fallbacks.len() as u64 >= u64::from(MAX_FALLBACKS) {
                return None;
            }
            fallbacks.push(payload.text()?);
        }
        Some(Self { in_force_since, mode, window, fallbacks })
    }
}

fn described(choice: &Choice) -> String {
    let kind = choice.fallback.kind().name();
    match &choice.fallback {
        Fallback::Reroute(route) => format!("{kind} {}", route.cluster),
        _ => kind.to_owned(),
    }
}

fn always_answers(choice: &Choice) -> bool {
    let is_for_all = choice.when.is_empty() && choice.parts.is_empty();
    is_for_all && matches!(choice.fallback, Fallback::Error(_) | Fallback::Pass)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{ErrorAnswer, Reason, Reroute};
    use crate::shared::cell::tests::Map;

    fn in_force_since(seconds: u64, mode: Mode) -> Policy {
        let in_force_since = Instant::from_nanos(seconds * 1_000_000_000);
        Policy { in_force_since, mode, ..Policy::default() }
    }

    fn choice(when: Vec<Reason>, fallback: Fallback) -> Choice {
        Choice { when, parts: Vec::new(), fallback }
    }

    fn for_one_model(fallback: Fallback) -> Choice {
        Choice { when: Vec::new(), parts: vec!["gpt".to_owned()], fallback }
    }

    fn reroute() -> Fallback {
        Fallback::Reroute(Box::new(Reroute {
            header: "x-route".to_owned(),
            value: "spare".to_owned(),
            cluster: "spare".to_owned(),
            provider: None,
            translates: false,
            path: None,
            model: None,
            set_headers: Vec::new(),
            remove_headers: Vec::new(),
            max_request_bytes: None,
            max_per_minute: None,
        }))
    }

    #[test]
    fn what_is_left_is_found() {
        let map = Map::default();
        let count = WindowShape::Count { calls: 50, max_age: Duration::from_secs(300) };
        for window in [Policy::default().window, count] {
            let policy = Policy { window, ..in_force_since(1, Mode::Shadow) };
            Profile::of(&policy).leave(&map, "openai");
            assert_eq!(Profile::left_for(&map, "openai"), Some(Profile::of(&policy)));
        }
        assert_eq!(Profile::left_for(&map, "azure"), None);
    }

    #[test]
    fn fallbacks_are_told_in_their_order_up_to_what_always_answers() {
        let error = || Fallback::Error(ErrorAnswer::default());
        for (fallback, told) in [
            (vec![choice(Vec::new(), error())], vec!["error"]),
            (vec![choice(vec![Reason::ForcedOpen], error())], vec!["error", "error"]),
            (vec![choice(Vec::new(), Fallback::Pass)], vec!["pass"]),
            (vec![choice(Vec::new(), Fallback::LastResort)], vec!["last_resort", "error"]),
            (vec![choice(Vec::new(), reroute())], vec!["reroute spare", "error"]),
            (vec![for_one_model(error())], vec!["error", "error"]),
        ] {
            let policy = Policy { fallback, ..Policy::default() };
            assert_eq!(Profile::of(&policy).fallbacks, told);
        }
    }

    #[test]
    fn an_older_policy_does_not_replace_a_younger_ones() {
        let map = Map::default();
        let [old, young] = [(1, Mode::Shadow), (2, Mode::Enforce)]
            .map(|(seconds, mode)| Profile::of(&in_force_since(seconds, mode)));
        for profile in [&old, &young, &old] {
            profile.leave(&map, "openai");
        }
        assert_eq!(Profile::left_for(&map, "openai"), Some(young));
    }

    #[test]
    fn the_same_policy_in_another_vm_stores_nothing() {
        let map = Map::default();
        Profile::of(&in_force_since(1, Mode::Shadow)).leave(&map, "openai");
        let before = map.load(&profile_key("openai"));
        Profile::of(&in_force_since(2, Mode::Shadow)).leave(&map, "openai");
        assert_eq!(map.load(&profile_key("openai")), before);
    }

    #[test]
    fn a_policy_that_differs_in_anything_that_is_shown_replaces_what_is_no_younger() {
        let first = in_force_since(1, Mode::Enforce);
        let window = WindowShape::Count { calls: 50, max_age: Duration::from_secs(300) };
        let fallback = vec![choice(Vec::new(), reroute())];
        for other in [
            Policy { mode: Mode::Shadow, ..first.clone() },
            Policy { window, ..first.clone() },
            Policy { fallback, ..first.clone() },
        ] {
            let map = Map::default();
            Profile::of(&first).leave(&map, "openai");
            Profile::of(&other).leave(&map, "openai");
            assert_eq!(Profile::left_for(&map, "openai"), Some(Profile::of(&other)));
        }
    }

    #[test]
    fn more_fallbacks_than_a_policy_has_are_not_ours() {
        let with = |count: usize| {
            let fallbacks = vec!["error".to_owned(); count];
            Profile { fallbacks, ..Profile::of(&Policy::default()) }
        };
        assert_eq!(Profile::decode(&with(17).encode()), Some(with(17)));
        assert_eq!(Profile::decode(&with(18).encode()), None);
    }

    #[test]
    fn foreign_bytes_are_none_and_are_replaced() {
        let map = Map::default();
        map.put(&profile_key("openai"), b"somebody else's");
        assert_eq!(Profile::left_for(&map, "openai"), None);
        let profile = Profile::of(&Policy::default());
        profile.leave(&map, "openai");
        assert_eq!(Profile::left_for(&map, "openai"), Some(profile));
    }
}
