//! One stream of a play: where it would be if all were in order, and what of it waits for whom.

use std::{cell::RefCell, rc::Rc};

use super::{
    super::{message::Request, stream::Stream},
    props::{CLUSTER, Setting},
};

pub(super) struct Player {
    pub(super) context: u32,
    pub(super) stream: Rc<RefCell<Stream>>,
    /// What the module was configured for when it began.
    pub(super) setting: Setting,
    pub(super) at: At,
    pub(super) request: Way,
    pub(super) answer: Way,
    /// How often it began: more than once is no order at all.
    pub(super) heads: usize,
    /// Whether it was logged, or done: nobody waits for it any more.
    pub(super) is_over: bool,
}

/// Where a stream is whose callbacks come in order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Begin,
    Upload,
    Answer,
    Download,
    End,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It goes on.
    Free,
    /// The module paused it.
    Held,
    /// The module answered in its place.
    Answered,
}

impl Player {
    pub(super) fn new(cluster: &str, setting: Setting, now_ns: u64) -> Self {
        let request = Request::new("POST", "/").cluster(cluster);
        let mut stream = Stream::new(request, now_ns);
        stream.maps.clear();
        Self {
            context: 0,
            stream: Rc::new(RefCell::new(stream)),
            setting,
            at: At::Begin,
            request: Way::Free,
            answer: Way::Free,
            heads: 0,
            is_over: false,
        }
    }

    pub(super) fn of_the_play(setting: Setting, now_ns: u64) -> Self {
        Self::new(CLUSTER, setting, now_ns)
    }
}
