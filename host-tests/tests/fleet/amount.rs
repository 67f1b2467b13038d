//! How much is run: a share that fits into every `make test`, or all.

/// The environment variable that asks for all, as `make fleet-test` does: `FLEET=all`.
const FLEET: &str = "FLEET";

/// Whether all is run, on a machine that does nothing else: then times are judged, too.
pub(crate) fn is_all() -> bool {
    std::env::var(FLEET).is_ok_and(|wanted| wanted == "all")
}

/// `share`, or `all`.
pub(crate) fn amount<T>(share: T, all: T) -> T {
    if is_all() { all } else { share }
}
