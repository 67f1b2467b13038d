//! A scenario on the wasmtime host.

use super::{
    scenario::{Client, Request, Route, Scenario, Step},
    trace::{Outcome, Trace},
};
use crate::host::{self, Call, EarlierReply, Module, Response, Upstream, Worker, World, flags};

/// The process in which all scenarios run, one after the other.
pub struct HostSide {
    world: World,
}

impl HostSide {
    /// Starts a process with one worker that runs the recorder.
    #[must_use]
    pub fn start() -> Self {
        Self { world: World::running(&Module::built("recorder")).start() }
    }

    /// Runs one scenario.
    #[must_use]
    pub fn run(&self, scenario: &Scenario) -> Trace {
        self.world.clear_log();
        if scenario.recorder == "crash" {
            self.world.expect_trap(0);
        }
        let call = begin(self.world.worker(0), scenario);
        if !call.is_done() {
            play(scenario, &call);
        }
        let answer = call.answered().filter(|_| scenario.client == Client::Reads);
        let outcome = answer.map_or(Outcome::Nothing, |answer| Outcome::Answered {
            status: answer.status,
            body: answer.text(),
            complete: answer.complete,
        });
        Trace::new(self.world.log_lines().iter().map(|line| &line.message), outcome)
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
    };
    let request = match scenario.recorder {
        "" => request,
        wish => request.header("x-recorder", wish),
    };
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

/// Upstream and client do their parts, until the call is over.
fn play(scenario: &Scenario, call: &Call) {
    if matches!(scenario.route, Route::Refused | Route::RefusedRetried) {
        call.upstream(Upstream::RefusesConnection);
    }
    if scenario.client == Client::LeavesUnanswered {
        return call.client_leaves();
    }
    let mut promised = 0;
    for step in scenario.upstream {
        if call.is_done() {
            return;
        }
        match *step {
            Step::Sized(status, length) => {
                promised = length;
                let has_body = length > 0 && scenario.request != Request::Head;
                call.response_headers(&if has_body { begun(status) } else { bare(status) });
            }
            Step::Chunked(status) | Step::Bodiless(status @ 101) => {
                call.response_headers(&begun(status));
            }
            Step::Bodiless(status) => call.response_headers(&bare(status)),
            Step::Bytes(piece) | Step::Chunk(piece) => {
                call.body_chunk(piece);
                if piece.len() == promised {
                    call.end();
                }
            }
            Step::LastChunk => call.end(),
            Step::Trailer => call.trailers(&[("x-trailer", "1")]),
            Step::Close => drop(call.upstream(Upstream::Closes)),
            Step::Hang => hang(scenario, call),
        }
    }
}

fn begun(status: u16) -> Response {
    bare(status).chunked([""; 0])
}

fn bare(status: u16) -> Response {
    Response::status(status)
}

/// Somebody loses patience.
fn hang(scenario: &Scenario, call: &Call) {
    let upstream = match scenario.route {
        _ if scenario.client == Client::LeavesMidStream => return call.client_leaves(),
        Route::ShortUploads => return drop(call.upload_times_out()),
        Route::ShortIdle => Upstream::FallsSilent,
        Route::ShortAttempts => Upstream::AttemptTimesOut,
        Route::ShortStreams => Upstream::OutlastsRoute,
        Route::ShortLived => Upstream::OutlastsCluster,
        _ => Upstream::TimesOut,
    };
    call.upstream(upstream);
}
