//! What a request wishes the recorder to do to it: its `x-recorder` header.

/// A wish: a word, perhaps with a number of bytes.
#[derive(Default)]
pub(crate) struct Wish {
    word: String,
    bytes: Option<usize>,
}

/// The wishes about one body: to wait for it, to wait for ever, and to reply to it.
pub(crate) struct Wishes {
    wait: &'static str,
    wait_for_ever: &'static str,
    reply: &'static str,
}

pub(crate) const OF_REQUEST: Wishes = Wishes { wait: "hold", wait_for_ever: "keep", reply: "deny" };
pub(crate) const OF_RESPONSE: Wishes =
    Wishes { wait: "delay", wait_for_ever: "linger", reply: "swap" };

/// What a wish makes of a piece of a body.
#[derive(PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    Wait,
    Reply,
}

impl Wish {
    pub(crate) fn parse(text: &str) -> Self {
        let (word, bytes) = text.split_once(' ').unwrap_or((text, ""));
        Self { word: word.into(), bytes: bytes.parse().ok() }
    }

    pub(crate) fn is(&self, word: &str) -> bool {
        self.word == word
    }

    /// Whether it is about this body, whose headers then wait too.
    pub(crate) fn is_about(&self, wishes: &Wishes) -> bool {
        [wishes.wait, wishes.wait_for_ever, wishes.reply].contains(&self.word.as_str())
    }

    /// What to do with a body of which `seen` bytes are there. What was let go is not held again.
    pub(crate) fn judge(&mut self, wishes: &Wishes, seen: usize, end: bool) -> Verdict {
        let waits = if self.is(wishes.wait) {
            !end && seen < self.bytes.unwrap_or(usize::MAX)
        } else if self.is(wishes.reply) {
            seen < self.bytes.unwrap_or(0)
        } else {
            self.is(wishes.wait_for_ever)
        };
        if waits {
            return Verdict::Wait;
        }
        if self.is(wishes.reply) {
            return Verdict::Reply;
        }
        if self.is_about(wishes) {
            *self = Self::default();
        }
        Verdict::Pass
    }
}
