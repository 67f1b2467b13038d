//! What does a request cost each variant, round after round?

use std::time::Duration;

use super::process::cpu;
use super::{Failure, Load, Measured, Stage, Variant};
use crate::spread::Spread;

/// What the rounds of one variant cost.
#[derive(Clone, Debug)]
pub struct Costs {
    /// Whose.
    pub variant: Variant,
    /// The CPU time of the Envoy process for one request, in microseconds, in each round.
    pub cpu: Vec<f64>,
    /// What the requests of each round got.
    pub measured: Vec<Measured>,
}

impl Costs {
    /// One number of each round.
    #[must_use]
    pub fn each(&self, number: impl Fn(&Measured) -> f64) -> Spread {
        let numbers: Vec<f64> = self.measured.iter().map(number).collect();
        Spread::of(&numbers)
    }
}

/// The same load for every variant in turns, so many times; each round begins with another one.
///
/// # Errors
/// When a request gets no answer but on a connection that a refusal ended.
pub fn interleaved(stage: &Stage, load: Load, rounds: usize) -> Result<Vec<Costs>, Failure> {
    let envoys: Vec<_> = stage.envoys().collect();
    let mut costs: Vec<Costs> = envoys
        .iter()
        .map(|(variant, _)| Costs { variant: *variant, cpu: Vec::new(), measured: Vec::new() })
        .collect();
    // What is compiled or connected once is by then.
    for (_, envoy) in &envoys {
        load.send(envoy.address())?;
    }
    for round in 0..rounds {
        for turn in 0..envoys.len() {
            let at = (turn + round) % envoys.len();
            let (variant, envoy) = envoys[at];
            let pid = envoy.pid().ok_or("this Envoy has ended")?;
            let before = cpu(pid);
            let measured = load.send(envoy.address())?;
            let spent = cpu(pid).saturating_sub(before);
            is_whole(variant, load, &measured)?;
            costs[at].cpu.push(microseconds(spent) / f64::from(load.requests));
            costs[at].measured.push(measured);
        }
    }
    Ok(costs)
}

/// A refusal ends the connection of a request whose body was not read: the client's next request may
/// just be on it. Any other request gets its answer.
fn is_whole(variant: Variant, load: Load, measured: &Measured) -> Result<(), Failure> {
    let ends_connections = variant == Variant::Open && load.answer.to_a_body();
    if measured.unanswered == 0 || ends_connections {
        return Ok(());
    }
    let (lost, of) = (measured.unanswered, load.requests);
    Err(format!("{}: {lost} of {of} requests got no answer", variant.name()).into())
}

/// What this variant costs over that one, in microseconds of CPU time for a request: of each round
/// the difference, since a round's neighbours disturb both alike.
#[must_use]
pub fn microseconds_over(costs: &[Costs], variant: Variant, base: Variant) -> Vec<f64> {
    let of = |wanted| costs.iter().find(|it| it.variant == wanted).map_or(&[][..], |it| &it.cpu);
    of(variant).iter().zip(of(base)).map(|(cost, base)| cost - base).collect()
}

fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
