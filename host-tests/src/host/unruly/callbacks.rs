//! The callbacks of a stream, in order or not, and what holds after each.

use super::{
    super::{pairs::Pairs, stream::Map, vm_state::Deferred},
    play::Play,
    player::{At, Way},
    props::{
        ROUTE_HEADER, SPARE, request_body, request_head, response_body, response_head, trailers,
    },
    step::{Callback, Content},
};

const CONTINUE: u32 = 0;

impl Play {
    /// The next callback of a stream in the order that Envoy keeps.
    pub(super) fn go_on(&mut self, who: usize, content: &Content) {
        let Some((callback, next)) = self.next_of(who, content) else { return self.delete(who) };
        self.players[who].at = next;
        self.call(who, callback, content);
        let player = &mut self.players[who];
        match (player.request, player.answer) {
            (_, Way::Answered) => player.at = At::End,
            (Way::Answered, _) if player.at == At::Upload => player.at = At::Answer,
            _ => {}
        }
    }

    /// And where the stream is then.
    fn next_of(&self, who: usize, content: &Content) -> Option<(Callback, At)> {
        let player = &self.players[who];
        let ends_in_trailers = content.ends && content.has_trailers;
        let then = |ended: At, more: At| if content.ends { ended } else { more };
        Some(match player.at {
            At::Begin => (Callback::RequestHeaders, then(At::Answer, At::Upload)),
            At::Upload if ends_in_trailers => (Callback::RequestTrailers, At::Answer),
            At::Upload => (Callback::RequestBody, then(At::Answer, At::Upload)),
            At::Answer => {
                let details = &mut player.stream.borrow_mut().info.code_details;
                details.get_or_insert_with(|| "via_upstream".into());
                (Callback::ResponseHeaders, then(At::End, At::Download))
            }
            At::Download if ends_in_trailers => (Callback::ResponseTrailers, At::End),
            At::Download => (Callback::ResponseBody, then(At::End, At::Download)),
            At::End if !player.is_over => (Callback::Log, At::End),
            At::End => return None,
        })
    }

    /// Any callback of a stream.
    pub(super) fn call(&mut self, who: usize, callback: Callback, content: &Content) {
        *self.played.callbacks.entry(callback).or_default() += 1;
        let (which, literal) = (content.which, &content.literal);
        match callback {
            Callback::RequestHeaders => {
                let head = request_head(self.players[who].setting, which, literal);
                self.players[who].heads += 1;
                self.show_head(who, callback, Map::RequestHeaders, head, content.ends);
                self.reroute(who);
            }
            Callback::ResponseHeaders => {
                let head = response_head(which, literal);
                self.show_head(who, callback, Map::ResponseHeaders, head, content.ends);
            }
            Callback::RequestBody => {
                self.show_body(who, callback, request_body(which, literal), content);
            }
            Callback::ResponseBody => {
                self.show_body(who, callback, response_body(which, literal), content);
            }
            Callback::RequestTrailers => {
                self.show_trailers(who, callback, Map::RequestTrailers, trailers(literal));
            }
            Callback::ResponseTrailers => {
                self.show_trailers(who, callback, Map::ResponseTrailers, trailers(literal));
            }
            Callback::Log => self.log(who),
            Callback::Done => self.done(who),
        }
    }

    fn show_head(&mut self, who: usize, callback: Callback, map: Map, head: Pairs, ends: bool) {
        let (context, count) = (self.players[who].context, head.len() as u32);
        self.reach(who, map, head);
        let arguments = (context, count, u32::from(ends));
        let (action, deferred) = self.stage.call(callback.name(), context, arguments);
        self.leave(who, map, action);
        self.judge(who, callback, action, deferred, ends);
    }

    fn show_trailers(&mut self, who: usize, callback: Callback, map: Map, trailers: Pairs) {
        let (context, count) = (self.players[who].context, trailers.len() as u32);
        self.reach(who, map, trailers);
        let (action, deferred) = self.stage.call(callback.name(), context, (context, count));
        self.leave(who, map, action);
        self.judge(who, callback, action, deferred, true);
    }

    /// While a message is held, its body is all that came of it.
    fn show_body(&mut self, who: usize, callback: Callback, bytes: Vec<u8>, content: &Content) {
        let player = &self.players[who];
        let context = player.context;
        let is_request = callback == Callback::RequestBody;
        let is_held = (if is_request { player.request } else { player.answer }) == Way::Held;
        let size = {
            let mut stream = player.stream.borrow_mut();
            let stream = &mut *stream;
            let body =
                if is_request { &mut stream.request_body } else { &mut stream.response_body };
            let kept = body.take().filter(|_| is_held).unwrap_or_default();
            body.insert([kept, bytes].concat()).len() as u32
        };
        let arguments = (context, content.lie.unwrap_or(size), u32::from(content.ends));
        let (action, deferred) = self.stage.call(callback.name(), context, arguments);
        self.judge(who, callback, action, deferred, content.ends);
    }

    fn reach(&self, who: usize, map: Map, pairs: Pairs) {
        let mut stream = self.players[who].stream.borrow_mut();
        stream.maps.insert(map, pairs);
        stream.reachable.insert(map, true);
    }

    /// A map is out of reach once its callback said to go on.
    fn leave(&self, who: usize, map: Map, action: u32) {
        if action == CONTINUE {
            self.players[who].stream.borrow_mut().reachable.remove(&map);
        }
    }

    /// The route that the module chose.
    fn reroute(&self, who: usize) {
        let mut stream = self.players[who].stream.borrow_mut();
        let is_chosen = stream.maps.get(&Map::RequestHeaders).is_some_and(|head| {
            head.iter()
                .any(|(name, value)| name == ROUTE_HEADER.as_bytes() && value == SPARE.as_bytes())
        });
        if std::mem::take(&mut stream.route_cleared) && is_chosen {
            stream.info.cluster = Some(SPARE.into());
        }
    }

    /// A callback may pause a message for three reasons: the module answered in its place, and the
    /// host took that; or more of it is to come, and the configuration says that it may be held.
    fn judge(
        &mut self,
        who: usize,
        callback: Callback,
        action: u32,
        deferred: Vec<(u32, Deferred)>,
        ends: bool,
    ) {
        let replied = self.take_reply(who, callback, deferred);
        let player = &mut self.players[who];
        let is_request = callback.is_of_request();
        let may_hold = !ends
            && if is_request {
                player.setting.holds_requests()
            } else {
                player.setting.holds_answers()
            };
        let is_paused = action != CONTINUE;
        assert!(!is_paused || replied || may_hold, "{callback:?} is paused, and nobody lets it go");
        assert!(is_paused || !replied, "{callback:?} goes on though it was answered");
        let way = if is_request { &mut player.request } else { &mut player.answer };
        let was_held = *way == Way::Held;
        *way = match (replied, is_paused) {
            (true, _) => Way::Answered,
            (false, true) => Way::Held,
            (false, false) => Way::Free,
        };
        let (held, released, answered) = if is_request {
            let played = &mut self.played;
            (
                &mut played.held_requests,
                &mut played.released_requests,
                &mut played.answered_requests,
            )
        } else {
            let played = &mut self.played;
            (&mut played.held_answers, &mut played.released_answers, &mut played.replaced_answers)
        };
        match *way {
            Way::Held if !was_held => *held += 1,
            Way::Free if was_held => *released += 1,
            Way::Answered => *answered += 1,
            Way::Held | Way::Free => {}
        }
    }

    /// Whether the module answered this stream, which in one callback it can do once, and acts on no
    /// other in.
    fn take_reply(&self, who: usize, callback: Callback, deferred: Vec<(u32, Deferred)>) -> bool {
        let mut replied = false;
        for (context, action) in deferred {
            assert_eq!(context, self.players[who].context, "{callback:?} acts on another stream");
            match action {
                Deferred::Reply(_) => {
                    assert!(!replied, "{callback:?} is answered twice");
                    replied = true;
                }
                other => panic!("{callback:?} asks for {other:?}"),
            }
        }
        replied
    }

    fn log(&mut self, who: usize) {
        let context = self.players[who].context;
        self.players[who].stream.borrow_mut().logging = true;
        let ((), deferred) = self.stage.call("proxy_on_log", context, (context,));
        assert!(deferred.is_empty(), "it is too late for {deferred:?}");
        let player = &mut self.players[who];
        player.stream.borrow_mut().logging = false;
        player.is_over = true;
    }

    fn done(&mut self, who: usize) {
        let context = self.players[who].context;
        let (_, deferred) = self.stage.call::<_, u32>("proxy_on_done", context, (context,));
        assert!(deferred.is_empty(), "it is too late for {deferred:?}");
        self.players[who].is_over = true;
    }

    pub(super) fn delete(&mut self, who: usize) {
        let player = self.players.remove(who);
        self.stage.vm.delete_stream(player.context);
        let deferred = self.stage.vm.take_deferred();
        assert!(deferred.is_empty(), "it is too late for {deferred:?}");
    }

    /// What hangs may be answered or cut, what is held let go, each in its own stream.
    pub(super) fn tick(&mut self) {
        self.time_out_calls();
        for root in self.stage.vm.ticking_roots() {
            let ((), deferred) = self.stage.call("proxy_on_tick", root, (root,));
            for (context, action) in deferred {
                let player = self.players.iter_mut().find(|player| player.context == context);
                let player = player.unwrap_or_else(|| panic!("{action:?} on no stream: {context}"));
                player.answer = match action {
                    Deferred::Reply(_) | Deferred::ResetStream => Way::Answered,
                    Deferred::ContinueResponse => Way::Free,
                    Deferred::ContinueRequest => panic!("a tick lets a request go"),
                };
                self.played.ended_by_ticks += 1;
            }
        }
    }
}
