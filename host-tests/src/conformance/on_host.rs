//! A scenario on the wasmtime host.

use super::{
    scenario::{BUFFER_LIMIT_BYTES, Client, Moment, Plugin, Request, Route, Scenario, Step},
    trace::{Outcome, Trace},
};
use crate::host::{self, Call, EarlierReply, Module, Response, Upstream, Worker, World, flags};

/// The processes in which all scenarios run, one after the other.
pub struct HostSide {
    plain: World,
    holding: World,
}

impl HostSide {
    /// Starts processes with one worker that runs the recorder.
    #[must_use]
    pub fn start() -> Self {
        let recorder = || World::running(&Module::built("recorder"));
        let holding = recorder()
            .configuration("tick fast")
            .allow_on_headers_stop_iteration()
            .buffer_limit_bytes(BUFFER_LIMIT_BYTES);
        Self { plain: recorder().start(), holding: holding.start() }
    }

    /// Runs one scenario.
    #[must_use]
    pub fn run(&self, scenario: &Scenario) -> Trace {
        let world = match scenario.plugin {
            Plugin::Plain => &self.plain,
            Plugin::Holding => &self.holding,
        };
        world.clear_log();
        if scenario.recorder == "crash" {
            world.expect_trap(0);
        }
        let play = Play { scenario, world, call: begin(world.worker(0), scenario) };
        play.perform();
        let leaves = matches!(scenario.client, Client::Leaves(_));
        let answer = play.call.answered().filter(|_| !leaves);
        let outcome = answer.map_or(Outcome::Nothing, |answer| Outcome::Answered {
            status: answer.status,
            body: answer.text(),
            complete: answer.complete,
        });
        Trace::new(world.log_lines().iter().map(|line| &line.message), outcome)
    }
}

fn begin(worker: Worker<'_>, scenario: &Scenario) -> Call {
    let fault = EarlierReply {
        status: 418,
        flags: flags::FAULT_INJECTED,
        details: "fault_filter_abort",
        body: "fault filter abort",
    };
    let request = request(scenario);
    match (scenario.request, scenario.route) {
        (Request::Garbage, _) => worker.malformed_request(),
        (_, Route::FaultInFront) => worker.request_answered_earlier(request, fault),
        (_, Route::FaultBehind) => worker.request(request.another_filter_replies(fault)),
        _ => worker.request(request),
    }
}

fn request(scenario: &Scenario) -> host::Request {
    let path = "/scenario";
    let request = match scenario.request {
        Request::Get | Request::Garbage => host::Request::get(path),
        Request::Upgrade => host::Request::get(path).upgrade(),
        Request::Head => host::Request::new("HEAD", path),
        Request::Post | Request::HurriedPost => host::Request::post(path),
        Request::HalfPost => host::Request::post(path).unfinished(),
        Request::Pieces | Request::LargePieces => host::Request::post(path).without_upload(),
        Request::PostWithTrailer => host::Request::post(path).trailer("x-trailer", "1"),
    };
    let wishes = [("x-recorder", scenario.recorder), ("x-at-tick", scenario.at_tick)];
    let wishes = wishes.into_iter().filter(|(_, wish)| !wish.is_empty());
    let request = wishes.fold(request, |request, (name, wish)| request.header(name, wish));
    match scenario.route {
        Route::Plain
        | Route::ShortTimeout
        | Route::ShortAttempts
        | Route::ShortIdle
        | Route::ShortStreams
        | Route::ShortUploads
        | Route::FaultInFront
        | Route::FaultBehind
        | Route::Upgradable => request.cluster("upstream"),
        Route::ShortLived => request.cluster("short_lived"),
        Route::Retried => request.cluster("upstream").retried(1),
        Route::Refused => request.cluster("refused"),
        Route::RefusedRetried => request.cluster("refused").retried(1),
        Route::Empty => request.no_healthy_host_in("empty"),
        Route::Overflowing => request.overflowing_cluster("overflowing"),
        Route::UnknownCluster => request.unknown_cluster("unknown"),
        Route::Direct => request.direct_response(403, "direct"),
        Route::None => request.no_route(),
    }
}

/// A scenario on its world.
struct Play<'s> {
    scenario: &'s Scenario,
    world: &'s World,
    call: Call,
}

impl Play<'_> {
    /// Client and upstream do their parts, until the call is over.
    fn perform(&self) {
        self.upload();
        self.reach(Moment::Held);
        self.answer();
        self.reach(Moment::Over);
    }

    fn upload(&self) {
        let pieces = self.scenario.request.pieces();
        for (number, piece) in pieces.iter().enumerate() {
            if self.call.is_done() {
                return;
            }
            if number + 1 == pieces.len() {
                self.call.finish_upload(piece);
            } else {
                self.call.upload(piece);
            }
        }
    }

    /// The client leaves if it wants to leave now, or there is a tick if there is to be one.
    fn reach(&self, moment: Moment) {
        if self.scenario.client == Client::Leaves(moment) {
            self.call.client_leaves();
        } else if self.scenario.client == Client::ReadsWithTick(moment) {
            let now = host::Request::get("/").header("x-recorder", "now");
            self.world.worker(0).request(now);
            self.world.tick();
        }
    }

    fn answer(&self) {
        if self.call.is_done() {
            return;
        }
        if matches!(self.scenario.route, Route::Refused | Route::RefusedRetried) {
            self.call.upstream(Upstream::RefusesConnection);
        }
        self.reach(Moment::Unanswered);
        let mut promised = 0;
        for step in self.scenario.upstream {
            if self.call.is_done() {
                return;
            }
            match *step {
                Step::Sized(_, length) => {
                    promised = length;
                    self.step(*step);
                }
                Step::Bytes(piece) => {
                    self.step(*step);
                    if piece.len() == promised {
                        self.call.end();
                    }
                }
                step => self.step(step),
            }
        }
    }

    fn step(&self, step: Step) {
        let call = &self.call;
        match step {
            Step::Sized(status, length) => {
                let has_body = length > 0 && self.scenario.request != Request::Head;
                call.response_headers(&if has_body { begun(status) } else { bare(status) });
            }
            Step::Chunked(status) | Step::Bodiless(status @ 101) => {
                call.response_headers(&begun(status));
            }
            Step::Bodiless(status) => call.response_headers(&bare(status)),
            Step::Echo => drop(call.upstream_answers(bare(200).body(call.forwarded_body()))),
            Step::Bytes(piece) | Step::Chunk(piece) => call.body_chunk(piece),
            Step::LastChunk => call.end(),
            Step::Trailer => call.trailers(&[("x-trailer", "1")]),
            Step::Close => drop(call.upstream(Upstream::Closes)),
            Step::Hang => self.hang(),
        }
    }

    /// Somebody loses patience.
    fn hang(&self) {
        self.reach(Moment::Withheld);
        if !self.call.is_done() {
            self.reach(Moment::MidStream);
        }
        if self.call.is_done() {
            return;
        }
        let upstream = match self.scenario.route {
            Route::ShortUploads => return drop(self.call.upload_times_out()),
            Route::ShortIdle => Upstream::FallsSilent,
            Route::ShortAttempts => Upstream::AttemptTimesOut,
            Route::ShortStreams => Upstream::OutlastsRoute,
            Route::ShortLived => Upstream::OutlastsCluster,
            _ => Upstream::TimesOut,
        };
        self.call.upstream(upstream);
    }
}

fn begun(status: u16) -> Response {
    bare(status).chunked([""; 0])
}

fn bare(status: u16) -> Response {
    Response::status(status)
}
