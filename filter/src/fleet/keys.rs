//! Where in the store is what? Keys, whose segments are percent-encoded, and what a key is about.

use crate::fleet::etcd::Span;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Everything but what a URI never needs to encode.
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A longer segment is none of ours.
const MAX_SEGMENT_BYTES: usize = 512;

/// The version of what stands in the store.
const VERSION: &str = "v1";

/// The keys of one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    facts: String,
    turns: String,
    overrides: String,
}

/// What a key is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// What a node says of a breaker.
    Fact { breaker: String, by: Node },
    /// Who may probe.
    Turn { breaker: String },
    /// What an operator ordered for all.
    Override { breaker: String },
}

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// What it shares its troubles with: those of one domain are one witness.
    pub domain: String,
    /// Its own name.
    pub name: String,
}

impl Node {
    /// As the holder of a turn is told.
    pub(super) fn text(&self) -> String {
        format!("{}/{}", encoded(&self.domain), encoded(&self.name))
    }

    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (domain, name) = core::str::from_utf8(text).ok()?.split_once('/')?;
        Some(Self { domain: decoded(domain)?, name: decoded(name)? })
    }
}

/// One of the three spans of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Overrides,
    Turns,
    Facts,
}

impl Part {
    /// In the order in which they are read: the fewest records first.
    pub(super) const ALL: [Self; 3] = [Self::Overrides, Self::Turns, Self::Facts];

    /// The one behind it.
    pub(super) const fn next(self) -> Option<Self> {
        match self {
            Self::Overrides => Some(Self::Turns),
            Self::Turns => Some(Self::Facts),
            Self::Facts => None,
        }
    }
}

impl Keys {
    pub(super) fn new(prefix: &str, scope: &str) -> Self {
        let scope = encoded(scope);
        Self {
            facts: format!("{prefix}{VERSION}/{scope}/"),
            turns: format!("{prefix}turn/{VERSION}/{scope}/"),
            overrides: format!("{prefix}override/{VERSION}/{scope}/"),
        }
    }

    pub(super) fn fact(&self, breaker: &str, by: &Node) -> String {
        format!("{}{}/{}", self.facts, encoded(breaker), by.text())
    }

    pub(super) fn turn(&self, breaker: &str) -> String {
        format!("{}{}", self.turns, encoded(breaker))
    }

    pub(super) fn ordered(&self, breaker: &str) -> String {
        format!("{}{}", self.overrides, encoded(breaker))
    }

    /// All keys of a part.
    pub(super) fn span(&self, part: Part) -> Span {
        let from = self.beginning(part).as_bytes().to_vec();
        let to = behind(from.clone());
        Span { from, to }
    }

    /// What a key is about; `None` if it is none of ours.
    pub(super) fn place(&self, key: &[u8]) -> Option<Place> {
        let key = core::str::from_utf8(key).ok()?;
        if let Some(rest) = key.strip_prefix(&self.facts) {
            let (breaker, by) = rest.split_once('/')?;
            let breaker = decoded(breaker)?;
            return Some(Place::Fact { breaker, by: Node::parse(by.as_bytes())? });
        }
        if let Some(rest) = key.strip_prefix(&self.turns) {
            return Some(Place::Turn { breaker: decoded(rest)? });
        }
        let rest = key.strip_prefix(&self.overrides)?;
        Some(Place::Override { breaker: decoded(rest)? })
    }

    /// The first key behind all facts of the breaker that this fact's key is about, whatever else is
    /// wrong with it.
    pub(super) fn behind_breaker(&self, key: &[u8]) -> Option<Vec<u8>> {
        let rest = key.strip_prefix(self.facts.as_bytes())?;
        let segment = rest.iter().position(|byte| *byte == b'/')?;
        let end = self.facts.len().checked_add(segment)?.checked_add(1)?;
        key.get(..end).map(|start| behind(start.to_vec()))
    }

    fn beginning(&self, part: Part) -> &str {
        match part {
            Part::Overrides => &self.overrides,
            Part::Turns => &self.turns,
            Part::Facts => &self.facts,
        }
    }
}

/// The first key behind all that begin like this, which ends in a slash.
fn behind(mut beginning: Vec<u8>) -> Vec<u8> {
    if let Some(last) = beginning.last_mut() {
        *last = last.saturating_add(1);
    }
    beginning
}

fn encoded(segment: &str) -> String {
    utf8_percent_encode(segment, &ENCODED).to_string()
}

/// A segment as it was before it was encoded; `None` if it is not as we would encode it, so that no
/// two keys are about the same.
fn decoded(segment: &str) -> Option<String> {
    if segment.is_empty() || segment.len() > 3 * MAX_SEGMENT_BYTES {
        return None;
    }
    let text = percent_decode_str(segment).decode_utf8().ok()?.into_owned();
    (text.len() <= MAX_SEGMENT_BYTES && encoded(&text) == segment).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new("/llm-breaker/", "team a")
    }

    fn node(domain: &str, name: &str) -> Node {
        Node { domain: domain.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn a_key_says_what_it_is_about_and_survives_any_name() {
        let keys = keys();
        let by = node("zone/1", "side car%");
        let breaker = "outbound|443||api.openai.com\u{1f}gpt-4.1*".to_owned();
        let key = keys.fact(&breaker, &by);
        assert_eq!(
            key,
            "/llm-breaker/v1/team%20a/outbound%7C443%7C%7Capi.openai.com%1Fgpt-4.1%2A/zone%2F1/side%20car%25"
        );
        let place = Place::Fact { breaker: breaker.clone(), by };
        assert_eq!(keys.place(key.as_bytes()), Some(place));
        let turn = keys.turn("a/b");
        assert_eq!(turn, "/llm-breaker/turn/v1/team%20a/a%2Fb");
        assert_eq!(keys.place(turn.as_bytes()), Some(Place::Turn { breaker: "a/b".into() }));
        let ordered = keys.ordered("a");
        assert_eq!(ordered, "/llm-breaker/override/v1/team%20a/a");
        assert_eq!(keys.place(ordered.as_bytes()), Some(Place::Override { breaker: "a".into() }));
    }

    #[test]
    fn what_is_not_written_as_we_would_is_not_ours() {
        for key in [
            "/llm-breaker/v1/team%20a/openai/zone",
            "/llm-breaker/v1/team%20a/openai/zone/node/more",
            "/llm-breaker/v1/team%20a//zone/node",
            "/llm-breaker/v1/team%20a/open%61i/zone/node",
            "/llm-breaker/v1/team%20a/%ff/zone/node",
            "/llm-breaker/v1/team%20a/a%7cb/zone/node",
            "/llm-breaker/v1/team%20b/openai/zone/node",
            "/llm-breaker/v2/team%20a/openai/zone/node",
            "/other/v1/team%20a/openai/zone/node",
            "/llm-breaker/turn/v1/team%20a/",
            "",
        ] {
            assert_eq!(keys().place(key.as_bytes()), None, "{key}");
        }
        let long = keys().turn(&"x".repeat(MAX_SEGMENT_BYTES + 1));
        assert_eq!(keys().place(long.as_bytes()), None);
        assert_eq!(keys().place(b"/llm-breaker/v1/team%20a/\xff/zone/node"), None);
    }

    #[test]
    fn a_span_holds_the_keys_of_its_scope_and_no_others() {
        let (keys, other) = (keys(), Keys::new("/llm-breaker/", "team a2"));
        for part in Part::ALL {
            let Span { from, to } = keys.span(part);
            let key = |keys: &Keys| match part {
                Part::Overrides => keys.ordered("openai"),
                Part::Turns => keys.turn("openai"),
                Part::Facts => keys.fact("openai", &node("a", "b")),
            };
            let holds =
                |key: String| from.as_slice() <= key.as_bytes() && key.as_bytes() < to.as_slice();
            assert!(holds(key(&keys)), "{part:?}");
            assert!(!holds(key(&other)), "{part:?}");
        }
    }

    #[test]
    fn all_facts_of_a_breaker_can_be_stepped_over() {
        let keys = keys();
        let facts = ["a", "~"].map(|name| keys.fact("openai", &node(name, "n")));
        let behind = keys.behind_breaker(facts[0].as_bytes()).expect("a fact");
        assert!(facts.iter().all(|key| key.as_bytes() < behind.as_slice()));
        assert!(behind.as_slice() < keys.fact("openai2", &node("a", "n")).as_bytes());
        assert_eq!(keys.behind_breaker(b"/llm-breaker/v1/team%20a/openai"), None);
        assert_eq!(keys.behind_breaker(b"/other"), None);
    }
}
