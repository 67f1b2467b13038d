//! What operators see of it all: the shipped rules, dashboard and runbook, judged by a real
//! Prometheus that scrapes a real Envoy.

mod dashboard;
mod observe;
mod outage;
mod queries;
mod rules;
mod runbook;

/// What a test returns, so that it can use `?`.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
