//! How much is run: a share that fits into every `make test`, or all.

/// The environment variable that asks for all, as `make test-all` does: `TRUST=all`.
const TRUST: &str = "TRUST";
/// The environment variable that chooses the random requests: `SEED=7`.
const SEED: &str = "SEED";

/// `share`, or `all`.
pub(crate) fn amount<T>(share: T, all: T) -> T {
    if std::env::var(TRUST).is_ok_and(|wanted| wanted == "all") { all } else { share }
}

/// What the random requests are made from; a failing test prints it.
pub(crate) fn seed() -> u64 {
    std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}
